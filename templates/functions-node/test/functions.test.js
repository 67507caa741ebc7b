import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { createApp, load } from "../src/functions.js";

async function serve(functions, options, ask) {
  const server = createServer(createApp(functions, options)).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await ask(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function folder(files) {
  const path = await mkdtemp(join(tmpdir(), "functions-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

test("a function answers its path and all paths below", async () => {
  const functions = await load(new URL("../functions", import.meta.url).pathname);
  await serve(functions, {}, async (url) => {
    assert.deepEqual(await (await fetch(`${url}/hello/Ada`)).json(), { message: "Hello, Ada" });
    assert.deepEqual(await (await fetch(`${url}/hello?x=1`)).json(), { message: "Hello, world" });
    for (const path of ["/", "/hell", "/constructor", "/__proto__", "/../hello"]) {
      assert.equal((await fetch(`${url}${path}`)).status, path === "/../hello" ? 200 : 404, path);
    }
  });
});

test("bodies, statuses and headers pass through", async () => {
  const echo = async (request) =>
    new Response(await request.text(), {
      status: 201,
      headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-method", request.method], ["x-own", request.headers.get("x-own")]],
    });
  await serve(new Map([["echo", echo]]), {}, async (url) => {
    const body = "x".repeat(300_000);
    const response = await fetch(`${url}/echo`, { method: "PUT", body, headers: { "x-own": "7" } });
    assert.equal(await response.text(), body);
    assert.equal(response.status, 201);
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.deepEqual([response.headers.get("x-method"), response.headers.get("x-own")], ["PUT", "7"]);
  });
});

test("a function that fails, or is late, does not stop the others", async () => {
  const functions = new Map([
    ["fails", async () => { throw new Error("secret detail"); }],
    ["late", () => new Promise(() => {})],
    ["nothing", async () => "text"],
    ["good", async () => new Response(null, { status: 204 })],
  ]);
  await serve(functions, { timeout: 100 }, async (url) => {
    const failed = await fetch(`${url}/fails`);
    assert.deepEqual([failed.status, await failed.json()], [500, { error: "the function failed" }]);
    assert.equal((await fetch(`${url}/late`)).status, 504);
    assert.equal((await fetch(`${url}/nothing`)).status, 500);
    assert.equal((await fetch(`${url}/good`)).status, 204);
  });
});

test("it is healthy until it stops", async () => {
  const state = { ready: true };
  await serve(new Map(), { state }, async (url) => {
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    state.ready = false;
    assert.equal((await fetch(`${url}/healthz`)).status, 503);
  });
});

test("a file without a function is seen at the start", async () => {
  await assert.rejects(load(await folder({ "a.js": "export const a = 1;" })), /a\.js has no default function/);
  await assert.rejects(load(await folder({ "a.js": "export default (" })));
  assert.deepEqual([...(await load(await folder({ "a.js": "export default () => {}", "b.txt": "", "_c.js": "(" }))).keys()], ["a"]);
});
