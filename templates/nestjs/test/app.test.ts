import "reflect-metadata";
import assert from "node:assert/strict";
import { test } from "node:test";
import { NestFactory } from "@nestjs/core";

import { AppModule, State } from "../src/app.js";

async function serve(ask: (url: string, state: State) => Promise<void>): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, "127.0.0.1");
  try {
    await ask(await app.getUrl(), app.get(State));
  } finally {
    await app.close();
  }
}

test("it is healthy until it stops", async () => {
  await serve(async (url, state) => {
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    state.beforeApplicationShutdown();
    assert.equal((await fetch(`${url}/healthz`)).status, 503);
  });
});

test("it greets", async () => {
  await serve(async (url) => {
    assert.deepEqual(await (await fetch(`${url}/hello/Ada`)).json(), { message: "Hello, Ada" });
  });
});
