// A caller in TypeScript, with a client made from openapi/verifier.json, against a running service.
//
// BASE_URL is the address of the service, for example http://127.0.0.1:8080; API_KEY the key of a caller, if the
// service asks for one. Every step says what it expects; the first one that fails ends the run with exit code 1.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/verifier.js";

type Problem = components["schemas"]["ProblemBody"];

const baseUrl = process.env["BASE_URL"];
if (!baseUrl) {
  console.error("BASE_URL is not set: the address of a running service");
  process.exit(2);
}
const apiKey = process.env["API_KEY"];
const client = createClient<paths>({ baseUrl, headers: apiKey ? { Authorization: `Bearer ${apiKey}` } : {} });

let steps = 0;
async function step(title: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (fault) {
    console.error(`client: ${title}: failed`);
    throw fault;
  }
  steps += 1;
}

/** A refusal is a problem document with this status and code, which are what a program decides by. */
function assertProblem(answer: { response: Response; error?: Problem }, status: number, code: string): Problem {
  assert.equal(answer.response.status, status);
  assert.equal(answer.response.headers.get("content-type"), "application/problem+json");
  const problem = answer.error;
  assert.ok(problem, "a problem document");
  assert.equal(problem.code, code);
  assert.equal(problem.status, status);
  assert.ok(problem.type.endsWith(`#${code}`), problem.type);
  assert.notEqual(problem.title, "");
  assert.notEqual(problem.hint, "");
  return problem;
}

/** What arrived, or the problem in the message. */
function data<T>(answer: { response: Response; data?: T; error?: unknown }, status: number): T {
  assert.equal(answer.response.status, status, JSON.stringify(answer.error));
  assert.ok(answer.data !== undefined, "a body");
  return answer.data;
}

const preset = "alter-ab-18";

await step("the presets are listed", async () => {
  const { presets } = data(await client.GET("/v1/presets"), 200);
  assert.ok(presets.some((known) => known.id === preset && known.version >= 1 && known.title.de));
});

await step("a preset shows the query that is really sent", async () => {
  const shown = data(await client.GET("/v1/presets/{id}", { params: { path: { id: preset } } }), 200);
  assert.ok(shown.dcql_query && "credentials" in shown.dcql_query);
  const none = await client.GET("/v1/presets/{id}", { params: { path: { id: "no-such-preset" } } });
  assertProblem(none, 404, "not_found");
});

await step("faults in a wish are told all at once, each with its place", async () => {
  const answer = await client.POST("/v1/presentations", {
    body: { preset: "no-such-preset", flow: "cross_device", expires_in: 1 },
  });
  const problem = assertProblem(answer, 422, "invalid_query");
  const places = (problem.errors ?? []).map((fault) => fault.pointer).sort();
  assert.deepEqual(places, ["/expires_in", "/preset"]);
});

await step("a member that does not exist is refused", async () => {
  const body = { preset, flow: "cross_device", presset: "typing error" } as const;
  const problem = assertProblem(await client.POST("/v1/presentations", { body }), 422, "invalid_query");
  assert.equal(problem.errors?.[0]?.pointer, "/presset");
});

const wish = { preset, flow: "cross_device", reference: "client-test-1" } as const;
const key = randomUUID();
const created = data(
  await client.POST("/v1/presentations", { body: wish, params: { header: { "Idempotency-Key": key } } }),
  201,
);
const path = { id: created.id };

await step("a presentation is started", async () => {
  assert.equal(created.status, "open");
  assert.equal(created.flow, "cross_device");
  assert.ok(created.authorization_request_uri && created.request_uri, "a signed request is collected");
  assert.match(created.authorization_request_uri, /^[a-z][a-z0-9+.-]*:\/\/.*request_uri=/);
  assert.ok(Date.parse(created.expires_at) > Date.parse(created.created_at));
  assert.notEqual(created.request_uri?.split("/").at(-1), created.id, "the wallet has a name of its own for it");
});

await step("the same call again finds the same presentation", async () => {
  const headers = { params: { header: { "Idempotency-Key": key } } };
  const again = data(await client.POST("/v1/presentations", { body: wish, ...headers }), 201);
  assert.equal(again.id, created.id);
  const other = { ...wish, reference: "client-test-2" };
  assertProblem(await client.POST("/v1/presentations", { body: other, ...headers }), 409, "idempotency_conflict");
});

await step("it is read", async () => {
  const read = data(await client.GET("/v1/presentations/{id}", { params: { path } }), 200);
  assert.equal(read.status, "open");
  assert.equal(read.reference, wish.reference);
  assert.equal(read.preset, preset);
  assert.equal(read.result ?? null, null);
  assert.equal(read.finished_at ?? null, null);
});

await step("one that does not exist is not found", async () => {
  const unknown = { path: { id: "AAAAAAAAAAAAAAAAAAAAAA" } };
  assertProblem(await client.GET("/v1/presentations/{id}", { params: unknown }), 404, "unknown_transaction");
  assertProblem(await client.DELETE("/v1/presentations/{id}", { params: unknown }), 404, "unknown_transaction");
});

await step("a wait that is too long is refused", async () => {
  const answer = await client.GET("/v1/presentations/{id}", { params: { path, query: { wait: 31 } } });
  assertProblem(answer, 400, "bad_request");
});

await step("its QR code is a picture", async () => {
  const svg = data(await client.GET("/v1/presentations/{id}/qr.svg", { params: { path }, parseAs: "text" }), 200);
  assert.match(svg, /<svg[ >]/);
  const png = data(await client.GET("/v1/presentations/{id}/qr.png", { params: { path }, parseAs: "blob" }), 200);
  const signature = new Uint8Array(await (png as unknown as Blob).slice(0, 8).arrayBuffer());
  assert.deepEqual([...signature], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
});

await step("its events begin with how it stands, and end with its end", async () => {
  const answer = await client.GET("/v1/presentations/{id}/events", { params: { path }, parseAs: "stream" });
  const stream = data(answer, 200);
  assert.ok(stream);
  const seen: string[] = [];
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const status = /^data: ?(.*)$/m.exec(event)?.[1];
      if (!status) continue;
      seen.push((JSON.parse(status) as { status: string }).status);
      if (seen.length === 1) {
        // Called off while somebody watches.
        const cancelled = await client.DELETE("/v1/presentations/{id}", { params: { path } });
        assert.equal(cancelled.response.status, 204);
      }
    }
  }
  assert.deepEqual(seen, ["open", "cancelled"]);
});

await step("the end stays", async () => {
  const again = await client.DELETE("/v1/presentations/{id}", { params: { path } });
  assert.equal(again.response.status, 204, "doing it twice changes nothing more");
  const read = data(await client.GET("/v1/presentations/{id}", { params: { path, query: { wait: 1 } } }), 200);
  assert.equal(read.status, "cancelled");
  assert.ok(read.finished_at);
  const picture = await client.GET("/v1/presentations/{id}/qr.svg", { params: { path }, parseAs: "text" });
  assert.equal(picture.response.status, 410);
});

await step("a query is checked without being sent", async () => {
  const claims = [{ path: ["family_name"] }];
  const meta = { vct_values: ["urn:eudi:pid:de:1"] };
  const credential = { id: "pid", format: "dc+sd-jwt", meta, claims };
  const good = data(await client.POST("/v1/queries/check", { body: { dcql_query: { credentials: [credential] } } }), 200);
  assert.equal(good.sendable, true);
  const bad = { credentials: [{ ...credential, id: "not a name" }] };
  const found = data(await client.POST("/v1/queries/check", { body: { dcql_query: bad } }), 200);
  assert.equal(found.sendable, false);
  assert.equal(found.faults[0]?.pointer, "/credentials/0/id");
});

await step("a forged presentation gets a verdict with its reason", async () => {
  const body = { format: "dc+sd-jwt", presentation: "e30.e30.e30~", nonce: "n", audience: "x509_hash:none" };
  const verdict = data(await client.POST("/v1/verifications", { body }), 200);
  assert.equal(verdict.outcome, "refused");
  assert.equal(verdict.result ?? null, null);
  assert.ok(verdict.error?.code);
  assert.ok(verdict.report.checks.some((check) => check.outcome === "failed" && check.code === verdict.error?.code));
});

if (apiKey) {
  await step("nobody gets in without a key", async () => {
    const stranger = createClient<paths>({ baseUrl });
    assertProblem(await stranger.GET("/v1/presets"), 401, "unauthenticated");
  });
}

console.log(`client: ${steps} steps passed`);
