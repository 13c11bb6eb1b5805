// Whole presentations in a real browser, as a person goes through them: the sample form, the page of the service, the
// way back, another device. Every state is looked at: `look` takes a picture and checks that everybody can use it.

import assert from "node:assert/strict";
import { Stage } from "./harness.mjs";

const stage = await Stage.start();
const { form } = stage.demo;

const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
const text = (page) => page.locator("main").innerText();
const link = (page) => page.getByRole("link", { name: "Brieftasche auf diesem Gerät öffnen" }).getAttribute("href");

/** The form begins on the same device; the page shows the simulated wallet. */
async function begin(context) {
  const page = await context.newPage();
  await page.goto(form);
  await page.getByRole("button", { name: "Mit der digitalen Brieftasche ausfüllen" }).click();
  await heading(page, "Nachweis freigeben");
  return page;
}

/** The same, but the person goes to the page of the service and opens a wallet from there. */
async function beginOnPage(context) {
  const page = await begin(context);
  await page.getByRole("link", { name: "die Seite des Prüfdienstes" }).click();
  await page.getByRole("link", { name: "Brieftasche auf diesem Gerät öffnen" }).waitFor();
  return page;
}

/** The form begins for another device; gives the tab of the form and that of the page with the code. */
async function beginElsewhere(context) {
  const page = await context.newPage();
  await page.goto(form);
  await page.getByRole("button", { name: "Mit einer Brieftasche auf einem anderen Gerät ausfüllen" }).click();
  await heading(page, "Mit einem anderen Gerät");
  const opened = context.waitForEvent("page");
  await page.getByRole("link", { name: "Code zeigen (neues Fenster)" }).click();
  const shown = await opened;
  await shown.locator("img.qr").waitFor();
  return [page, shown];
}

async function assertFilled(page) {
  const said = await text(page);
  assert.match(said, /Ihre Angaben wurden aus Ihrem Nachweis übernommen und geprüft\./);
  assert.match(said, /PRÜFSTEIN/);
  assert.match(said, /MUSTERSTADT/);
  assert.match(said, /Zustand: verified/);
}

/** How the form stands; nothing of the person is on the page. What is read once is erased then. */
async function assertNothingTaken(page, status, address = `${form}/weiter`) {
  await page.goto(address);
  const said = await text(page);
  assert.match(said, new RegExp(`Zustand: ${status}`));
  assert.doesNotMatch(said, /PRÜFSTEIN|MUSTERSTADT/);
}

async function flows() {
  await stage.step("the sample form is filled on the same device", async () => {
    const context = await stage.person();
    const start = await context.newPage();
    await start.goto(form);
    await stage.look(start, "form-start");
    const page = await begin(context);
    await stage.look(page, "form-wallet");
    await page.getByRole("button", { name: "Freigeben" }).click();
    await page.waitForURL(/\/weiter\?response_code=/);
    await assertFilled(page);
    await stage.look(page, "form-verified");
  });

  await stage.step("it is filled without script", async () => {
    const context = await stage.person({ javaScriptEnabled: false });
    const page = await beginOnPage(context);
    const { body } = await stage.wallet(await link(page));
    await heading(page, "Fast fertig");
    await page.goto(body.redirect_uri);
    await assertFilled(page);
  });

  await stage.step("it is filled with the keyboard alone", async () => {
    const context = await stage.person();
    const page = await context.newPage();
    await page.goto(form);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await heading(page, "Nachweis freigeben");
    const button = page.getByRole("button", { name: "Freigeben" });
    for (let press = 0; press < 20 && !(await button.evaluate((it) => it === document.activeElement)); press += 1) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/weiter\?response_code=/);
    await assertFilled(page);
  });

  await stage.step("a forged answer leaves the form empty", async () => {
    const context = await stage.person();
    const page = await begin(context);
    await page.getByLabel("Wie antwortet die Brieftasche?").selectOption("kb-signature-flipped");
    await page.getByRole("button", { name: "Freigeben" }).click();
    await page.waitForURL(/\/weiter/);
    assert.match(await text(page), /kb_signature_invalid/);
    await stage.look(page, "form-refused");
    await assertNothingTaken(page, "fetched");
  });

  await stage.step("the page of the service brings the same browser back to the form", async () => {
    const context = await stage.person();
    const page = await beginOnPage(context);
    const address = page.url();
    await stage.look(page, "page-same-device");
    const { status, body } = await stage.wallet(await link(page));
    assert.equal(status, 200);
    assert.match(body.redirect_uri, /\/p\/[\w-]{22}\/return\?response_code=[\w-]{22}$/);
    await heading(page, "Fast fertig");
    await stage.look(page, "page-answered");
    const back = await context.newPage();
    await back.goto(body.redirect_uri);
    assert.match(back.url(), /\/weiter\?response_code=/);
    await assertFilled(back);
    await page.goto(address);
    await heading(page, "Fertig");
    await stage.look(page, "page-verified");
    await page.getByRole("link", { name: "Zurück zum Antrag" }).waitFor();
  });

  await stage.step("a return in another browser is turned away and ends the presentation", async () => {
    // HAIP 1.0 section 5.1; FIX-02, SES-001.
    const [began, other] = [await stage.person(), await stage.person()];
    const page = await beginOnPage(began);
    const { body } = await stage.wallet(await link(page));
    const stranger = await other.newPage();
    const answer = await stranger.goto(body.redirect_uri);
    assert.equal(answer.status(), 403);
    await heading(stranger, "Anderer Browser");
    await stage.look(stranger, "page-other-browser");
    await heading(page, "Nicht geklappt");
    await stage.look(page, "page-rejected");
    const late = await began.newPage();
    await assertNothingTaken(late, "rejected", body.redirect_uri);
    await stage.look(late, "form-rejected");
  });

  await stage.step("the page is for the browser that opened it first", async () => {
    const [began, other] = [await stage.person(), await stage.person()];
    const page = await beginOnPage(began);
    const stranger = await other.newPage();
    const answer = await stranger.goto(page.url());
    assert.equal(answer.status(), 403);
    assert.equal(await stranger.getByRole("link", { name: /Brieftasche/ }).count(), 0);
    await stage.look(stranger, "page-foreign");
  });

  await stage.step("another device scans the code and the person confirms", async () => {
    const [desk, phone] = [await stage.person(), await stage.person({ viewport: { width: 390, height: 844 } })];
    const [page, shown] = await beginElsewhere(desk);
    await stage.look(page, "form-other-device");
    await stage.look(shown, "page-code");
    const scanned = await stage.scan(shown);
    assert.match(scanned, /^openid4vp:\/\/\?client_id=x509_hash/);

    // One scan: once a wallet has collected the request, nobody else is invited.
    await fetch(new URL(scanned).searchParams.get("request_uri"));
    await heading(shown, "Warten auf Ihre Freigabe");
    assert.equal(await shown.locator("img.qr").count(), 0);
    await stage.look(shown, "page-collected");

    const wallet = await phone.newPage();
    await wallet.goto(`${form}/brieftasche`);
    await stage.look(wallet, "wallet-elsewhere");
    await wallet.getByLabel("Text des QR-Codes").fill(scanned);
    await wallet.getByRole("button", { name: "Freigeben" }).click();
    await heading(wallet, "Freigegeben");
    await stage.look(wallet, "wallet-answered");

    await heading(shown, "Waren Sie das?");
    await stage.look(shown, "page-confirm");
    await assertNothingTaken(page, "fetched");
    await stage.look(page, "form-waiting");
    await shown.getByRole("button", { name: "Ja, das war ich" }).click();
    await heading(shown, "Fertig");
    await stage.look(shown, "page-confirmed");
    await page.getByRole("link", { name: "Noch einmal nachsehen" }).click();
    await assertFilled(page);
  });

  await stage.step("a person who did not answer says so, and nothing is taken", async () => {
    const desk = await stage.person();
    const [page, shown] = await beginElsewhere(desk);
    const { status, body } = await stage.wallet(await stage.scan(shown));
    assert.deepEqual([status, body], [200, {}]);
    await heading(shown, "Waren Sie das?");
    await shown.getByRole("button", { name: "Nein, das war ich nicht" }).click();
    await heading(shown, "Nicht geklappt");
    await stage.look(shown, "page-denied");
    await assertNothingTaken(page, "rejected");
  });

  await stage.step("only the browser with the code can confirm", async () => {
    const [desk, other] = [await stage.person(), await stage.person()];
    const [page, shown] = await beginElsewhere(desk);
    await stage.wallet(await stage.scan(shown));
    await heading(shown, "Waren Sie das?");
    const answer = await other.request.post(`${shown.url()}/confirm`, { form: { answer: "yes" } });
    assert.ok([400, 403].includes(answer.status()), `${answer.status()}`);
    await assertNothingTaken(page, "fetched");
    await heading(shown, "Waren Sie das?");
  });

  await stage.step("the other ends have words of their own", async () => {
    const desk = await stage.person();
    const wish = { preset: "bewohnerparken", flow: "cross_device" };
    const open = async () => {
      const created = (await stage.call("POST", "", wish)).body;
      const page = await desk.newPage();
      await page.goto(created.page_url);
      return [page, created];
    };
    const [declined, first] = await open();
    assert.equal((await stage.wallet(first.authorization_request_uri, "--fault", "error-access-denied")).status, 200);
    await heading(declined, "Keine Freigabe");
    await stage.look(declined, "page-declined");
    const [cancelled, second] = await open();
    assert.equal((await stage.call("DELETE", `/${second.id}`)).status, 204);
    await heading(cancelled, "Abgebrochen");
    await stage.look(cancelled, "page-cancelled");
    const nowhere = await desk.newPage();
    const answer = await nowhere.goto(first.page_url.replace(/[^/]+$/, "AAAAAAAAAAAAAAAAAAAAAA"));
    assert.equal(answer.status(), 404);
    await heading(nowhere, "Diese Seite gibt es nicht");
    await stage.look(nowhere, "page-unknown");
  });

  await stage.step("a wallet in the browser can be put in the place of a real one", async () => {
    const context = await stage.person();
    const asked = [];
    await stage.credentials(context, (request) => {
      asked.push(request);
      return { protocol: request.requests[0].protocol, data: { response: "sealed" } };
    });
    const page = await context.newPage();
    await page.goto(form);
    const given = await page.evaluate(async () => {
      const requests = [{ protocol: "openid4vp-v1-signed", data: { request: "signed" } }];
      const credential = await navigator.credentials.get({ digital: { requests }, mediation: "required" });
      return [credential instanceof DigitalCredential, credential.protocol, credential.data];
    });
    assert.deepEqual(given, [true, "openid4vp-v1-signed", { response: "sealed" }]);
    assert.deepEqual(asked, [{ requests: [{ protocol: "openid4vp-v1-signed", data: { request: "signed" } }] }]);
  });
}

try {
  await flows();
  console.log(`browser: ${stage.steps} steps passed, ${stage.pictures} states looked at`);
} finally {
  await stage.end();
}
