// The script of the hosted page, in a page of a few lines: what it shows, what it asks the browser, what it sends.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const source = readFileSync(new URL("../../src/http/page/dc-api.js", import.meta.url), "utf8");
const ADDRESS = "/p/AAAAAAAAAAAAAAAAAAAAAA/dc-api";
const REQUESTS = ["openid4vp-v1-signed", "openid4vp-v1-unsigned"].map((protocol) => ({ protocol, data: { request: "x" } }));
const credential = { protocol: "openid4vp-v1-signed", data: { response: "a.b.c.d.e" } };

const settle = async () => { for (let round = 0; round < 20; round += 1) await new Promise((done) => setImmediate(done)); };

/** A page after the script has run. `wishes` says how the browser and the service behave. */
async function page(wishes = {}) {
  const log = [];
  const words = ["closed", "refused", "failed"].map((said) => ({ dataset: { said }, hidden: true }));
  let click = null;
  const elements = {
    "browser-way": { dataset: { address: ADDRESS }, hidden: true },
    "browser-ask": { disabled: false, addEventListener: (name, run) => { assert.equal(name, "click"); click = run; } },
  };
  const timers = [];
  const answers = { GET: { ok: true, json: async () => ({ digital: { requests: REQUESTS } }) }, POST: wishes.answer };
  const window = { DigitalCredential: wishes.without ? undefined : class {} };
  if (wishes.allows) window.DigitalCredential.userAgentAllowsProtocol = wishes.allows;
  const context = {
    window,
    document: { getElementById: (id) => elements[id], querySelectorAll: () => words },
    navigator: { credentials: { get: (call) => { log.push(["get", call]); return wishes.get(); } } },
    location: { reload: () => log.push(["reload"]), replace: (to) => log.push(["replace", to]) },
    setTimeout: (run) => timers.push(run),
    fetch: async (address, options) => {
      const method = options.method ?? "GET";
      assert.equal(address, ADDRESS);
      assert.deepEqual([options.credentials, options.redirect], ["same-origin", "error"]);
      log.push([method, options.body, options.headers?.["content-type"]]);
      if (method === "GET" && wishes.request) return wishes.request;
      return answers[method];
    },
  };
  vm.runInNewContext(source, context);
  await settle();
  const plain = (value) => JSON.parse(JSON.stringify(value));
  return {
    log: () => plain(log),
    shown: () => !elements["browser-way"].hidden,
    said: () => words.filter((word) => !word.hidden).map((word) => word.dataset.said),
    enabled: () => !elements["browser-ask"].disabled,
    click: async () => { click(); const calls = log.filter(([what]) => what === "get").length; await settle(); return calls; },
    tick: async () => { timers.splice(0).forEach((run) => run()); await settle(); },
  };
}

const named = (name) => Object.assign(new Error(name), { name });
const tests = {
  async "without the API nothing is fetched and nothing is shown"() {
    const it = await page({ without: true });
    assert.deepEqual([it.log(), it.shown()], [[], false]);
    await it.tick();
    assert.deepEqual(it.log(), [["reload"]], "the page still looks again");
  },
  async "the request is there before the click, and the browser is asked in it"() {
    const it = await page({ get: async () => credential, answer: { ok: true, json: async () => ({ next: "https://v.example/p/x/return" }) } });
    assert.ok(it.shown());
    assert.deepEqual(it.log(), [["GET", null, null]]);
    const calls = await it.click();
    assert.equal(calls, 1, "no waiting stands between the click and the call");
    const [, got, posted, gone] = it.log();
    assert.deepEqual(got, ["get", { digital: { requests: REQUESTS } }]);
    assert.deepEqual(posted, ["POST", JSON.stringify(credential), "application/json"]);
    assert.deepEqual(gone, ["replace", "https://v.example/p/x/return"]);
    assert.ok(!it.enabled(), "what is on its way is not asked for again");
  },
  async "protocols that the browser does not let through are left out"() {
    const it = await page({ allows: (protocol) => protocol.endsWith("-signed"), get: async () => { throw named("AbortError"); } });
    await it.click();
    assert.deepEqual(it.log()[1], ["get", { digital: { requests: [REQUESTS[0]] } }]);
    const none = await page({ allows: () => false });
    assert.ok(!none.shown());
  },
  async "whoever closes the window can try again or take the link"() {
    for (const name of ["NotAllowedError", "AbortError"]) {
      const it = await page({ get: async () => { throw named(name); } });
      await it.click();
      assert.deepEqual([it.said(), it.enabled(), it.shown()], [["closed"], true, true]);
      assert.ok(!it.log().some(([what]) => what === "POST"), "DCA-20: nothing is sent");
    }
    const broken = await page({ get: async () => { throw named("TypeError"); } });
    await broken.click();
    assert.deepEqual(broken.said(), ["failed"]);
  },
  async "a refusal leaves the way open, an end reloads"() {
    const refused = await page({ get: async () => credential, answer: { ok: false, status: 400 } });
    await refused.click();
    assert.deepEqual([refused.said(), refused.enabled()], [["refused"], true]);
    for (const status of [403, 404, 409, 410]) {
      const it = await page({ get: async () => credential, answer: { ok: false, status } });
      await it.click();
      assert.deepEqual(it.log().at(-1), ["reload"]);
    }
  },
  async "the page never reloads while the person is asked"() {
    let decide;
    const it = await page({ get: () => new Promise((_, refuse) => { decide = refuse; }) });
    await it.click();
    await it.tick();
    assert.ok(!it.log().some(([what]) => what === "reload"));
    decide(named("AbortError"));
    await settle();
    await it.tick();
    assert.deepEqual(it.log().at(-1), ["reload"]);
  },
  async "a request that is not to be had leaves the link alone"() {
    const it = await page({ request: { ok: false, status: 410 } });
    assert.ok(!it.shown());
  },
};

for (const [name, test] of Object.entries(tests)) {
  await test();
  console.log(`ok ${name}`);
}
