import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { createApp } from "../src/app.js";

async function serve(state, ask) {
  const server = createApp(state).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await ask(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
  }
}

test("it is healthy until it stops", async () => {
  const state = { ready: true };
  await serve(state, async (url) => {
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    state.ready = false;
    assert.equal((await fetch(`${url}/healthz`)).status, 503);
  });
});

test("it greets", async () => {
  await serve(undefined, async (url) => {
    assert.deepEqual(await (await fetch(`${url}/hello/Ada`)).json(), { message: "Hello, Ada" });
  });
});
