// What the flows stand on: a demonstration of its own, a real browser, a wallet, and eyes that look at every page.
//
// PRUEFSTEIN is the program, BROWSER a Chromium (found by name if absent), REPORT the folder for pictures.

import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import jsQR from "jsqr";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";

const PROGRAM = resolve(process.env.PRUEFSTEIN ?? "../../target/debug/pruefstein");
const REPORT = resolve(process.env.REPORT ?? "../../target/check/browser");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What axe-core finds and we know. A page that waits reloads itself every four seconds, because it has to work without
 * script; it says so, and loses nothing that was typed. WCAG 2.1, 2.2.1 wants people to be able to switch that off.
 */
const KNOWN = ["meta-refresh"];

/** Longest time for anything to appear, far above what it takes on a busy machine. */
export const PATIENCE = 120_000;

function executable() {
  if (process.env.BROWSER) return process.env.BROWSER;
  const found = ["chromium", "chromium-browser", "google-chrome"].find(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
  );
  assert.ok(found, "no Chromium: install Debian's package chromium, or name one in BROWSER");
  return spawnSync("which", [found], { encoding: "utf8" }).stdout.trim();
}

/** A demonstration on ports of this machine: the addresses of its parts, and the file of its world. */
async function startDemo(folder) {
  const child = spawn(PROGRAM, ["demo", "--data", folder], { stdio: ["ignore", "pipe", "inherit"] });
  const found = {};
  const said = [];
  await new Promise((done, failed) => {
    const giveUp = () => failed(new Error(`the demonstration did not start: ${said.join("\n")}`));
    const patience = setTimeout(giveUp, PATIENCE);
    child.once("error", failed);
    child.once("exit", giveUp);
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(line);
      const address = /^(sample form|caller API|wallet) .*?(https?:\/\/\S+|--world .*)/.exec(line);
      if (address) found[address[1]] = address[2];
      if (Object.keys(found).length === 3) {
        clearTimeout(patience);
        child.off("exit", giveUp);
        done();
      }
    });
  });
  return {
    form: found["sample form"],
    api: found["caller API"],
    world: found["wallet"].replace("--world ", ""),
    stop: () =>
      new Promise((done) => {
        child.once("exit", done);
        child.kill("SIGINT");
      }),
  };
}

export class Stage {
  static async start() {
    mkdirSync(REPORT, { recursive: true });
    const stage = new Stage();
    stage.folder = mkdtempSync(join(tmpdir(), "pruefstein-browser-"));
    stage.pictures = 0;
    stage.steps = 0;
    stage.demo = await startDemo(stage.folder);
    stage.browser = await chromium.launch({
      executablePath: executable(),
      // Nothing from elsewhere is opened here, and root, as in containers, has no sandbox of its own.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    });
    return stage;
  }

  async end() {
    await this.browser?.close();
    await this.demo?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** One step with a title; the first one that fails ends the run. */
  async step(title, run) {
    try {
      await run();
    } catch (fault) {
      console.error(`browser: ${title}: failed`);
      let picture = 0;
      for (const context of this.browser.contexts()) {
        if (context.complaints?.length) console.error(`browser: complaints: ${context.complaints.join("; ")}`);
        for (const page of context.pages()) {
          console.error(`browser: open at that moment: ${page.url()}`);
          await page.screenshot({ path: join(REPORT, `failed-${(picture += 1)}.png`) }).catch(() => {});
        }
      }
      throw fault;
    } finally {
      for (const context of this.browser.contexts()) await context.close();
    }
    this.steps += 1;
    console.log(`browser: ${title}: passed`);
  }

  /** A browser of its own: no cookie is shared with another one. Its console has to stay silent. */
  async person(options = {}) {
    const context = await this.browser.newContext({ locale: "de-DE", ...options });
    context.setDefaultTimeout(PATIENCE);
    context.complaints = [];
    context.on("console", (message) => {
      // That a page is refused on purpose is no fault of the page.
      const expected = /the server responded with a status of (403|404|410)/.test(message.text());
      if (message.type() === "error" && !expected) context.complaints.push(message.text());
    });
    context.on("weberror", (error) => context.complaints.push(String(error.error())));
    return context;
  }

  /** What a wallet would do that the person opened with `link`: the program's own, in a process of its own. */
  async wallet(link, ...options) {
    const arguments_ = ["wallet", "answer", link, "--world", this.demo.world, ...options];
    const said = await new Promise((done) => {
      execFile(PROGRAM, arguments_, { timeout: PATIENCE }, (error, stdout, stderr) => done({ error, stdout, stderr }));
    });
    const last = said.stdout.trim().split("\n").at(-1) ?? "";
    const reply = /^(\d{3}) ?(.*)$/.exec(last);
    assert.ok(reply, `the wallet said nothing: ${said.stdout}${said.stderr}`);
    return { status: Number(reply[1]), body: reply[2] ? JSON.parse(reply[2]) : {} };
  }

  /** A call of an online service. */
  async call(method, path, body) {
    const answer = await fetch(`${this.demo.api}${path}`, {
      method,
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  }

  /** Reads the QR code on the page as a camera does, from what can be seen. */
  async scan(page) {
    const picture = PNG.sync.read(await page.locator("img.qr").screenshot());
    const code = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    assert.ok(code, "the picture holds no QR code");
    return code.data;
  }

  /**
   * Looks at a page: takes a picture, and checks what everybody must be able to see and operate. A page that reloads
   * itself may do so meanwhile; then the look begins anew.
   */
  async look(page, name) {
    this.pictures += 1;
    const path = join(REPORT, `${String(this.pictures).padStart(2, "0")}-${name}.png`);
    const outline = await undisturbed(page, async () => {
      await page.screenshot({ path, fullPage: true });
      return page.evaluate(() => ({
        title: document.title,
        lang: document.documentElement.lang,
        headings: [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((heading) => Number(heading.tagName[1])),
        main: document.querySelectorAll("main").length,
        scripts: document.scripts.length,
      }));
    });
    assert.notEqual(outline.title.trim(), "", `${name}: a title`);
    assert.equal(outline.lang, "de", `${name}: the language`);
    assert.equal(outline.main, 1, `${name}: one main part`);
    assert.equal(outline.headings.filter((level) => level === 1).length, 1, `${name}: one h1`);
    outline.headings.reduce((before, level) => {
      assert.ok(level <= before + 1, `${name}: no level of headings is left out`);
      return level;
    }, 0);
    await this.focus(page, name);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const found = await undisturbed(page, () =>
        page.evaluate(async (source) => {
          if (!window.axe) (0, eval)(source);
          const { violations } = await window.axe.run(document);
          return violations.map((fault) => [fault.id, fault.nodes.map((node) => node.html).join(" ")]);
        }, AXE),
      );
      const unknown = found.filter(([id]) => !KNOWN.includes(id));
      assert.deepEqual(unknown, [], `${name}: axe-core, ${colorScheme}`);
    }
    await this.narrow(page, name);
    assert.deepEqual(page.context().complaints, [], `${name}: complaints of the browser`);
  }

  /** With the keyboard everything is reached, in the order in which it stands, and one can see where one is. */
  async focus(page, name) {
    const [order, wanted] = await undisturbed(page, async () => {
      const wanted = await page.evaluate(() => {
        const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, [tabindex]");
        [...all].forEach((element, place) => (element.dataset.place = String(place)));
        // Tab goes on from where somebody clicked last; that shall be the top.
        const top = Object.assign(document.createElement("a"), { href: "#" });
        document.body.prepend(top);
        top.focus();
        top.remove();
        return all.length;
      });
      const order = [];
      for (let press = 0; press < wanted; press += 1) {
        await page.keyboard.press("Tab");
        order.push(
          await page.evaluate(() => {
            const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
            const visible = outlineStyle !== "none" && outlineWidth !== "0px";
            return [Number(document.activeElement.dataset.place ?? -1), visible];
          }),
        );
      }
      return [order, wanted];
    });
    const places = Array.from({ length: wanted }, (_, place) => [place, true]);
    assert.deepEqual(order, places, `${name}: order and visibility of the focus`);
  }

  /** On the smallest screen nothing has to be pushed sideways (WCAG 2.1, 1.4.10). */
  async narrow(page, name) {
    const usual = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 800 });
    const width = await undisturbed(page, () => page.evaluate(() => document.documentElement.scrollWidth));
    await page.setViewportSize(usual);
    assert.ok(width <= 320, `${name}: ${width} pixels wide on a screen of 320`);
  }

  /**
   * A wallet in the browser: `answer` gets what a page passes to navigator.credentials.get and gives what comes back.
   * Before the pages of this context are opened.
   */
  async credentials(context, answer) {
    await context.exposeBinding("askTheWallet", (_source, request) => answer(request));
    await context.addInitScript(() => {
      class DigitalCredential {
        static userAgentAllowsProtocol(protocol) {
          return protocol.startsWith("openid4vp-v1-");
        }
      }
      window.DigitalCredential = DigitalCredential;
      navigator.credentials.get = async (request) => {
        const { digital } = JSON.parse(JSON.stringify(request));
        return Object.assign(new DigitalCredential(), await window.askTheWallet(digital));
      };
    });
  }
}

/** Tries again when the page reloads itself in the middle. */
async function undisturbed(page, run) {
  for (let left = 10; ; left -= 1) {
    try {
      await page.waitForLoadState();
      const before = await page.evaluate(() => performance.timeOrigin);
      const result = await run();
      if ((await page.evaluate(() => performance.timeOrigin)) === before) return result;
    } catch (fault) {
      if (!/context was destroyed|navigat/i.test(String(fault))) throw fault;
    }
    assert.notEqual(left, 0, `the page never stays: ${page.url()}`);
  }
}
