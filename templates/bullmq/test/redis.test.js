import assert from "node:assert/strict";
import { test } from "node:test";

import { parameters } from "../src/redis.js";

test("connects to a URL without Sentinels", () => {
  assert.equal(parameters({ REDIS_URL: "redis://cache:6379/1" })[0], "redis://cache:6379/1");
  assert.equal(parameters({ REDIS_SENTINELS: "" })[0], "redis://redis:6379/0");
});

test("asks the Sentinels for the primary", () => {
  const env = { REDIS_SENTINELS: "one:26380, two", REDIS_PASSWORD: "secret", REDIS_URL: "redis://ignored:6379/0" };
  const [options] = parameters(env);
  assert.deepEqual(options.sentinels, [
    { host: "one", port: 26380 },
    { host: "two", port: 26379 },
  ]);
  assert.deepEqual([options.name, options.password, options.sentinelPassword], ["main", "secret", "secret"]);
  assert.equal(options.maxRetriesPerRequest, null, "a worker waits for the next primary");
  assert.equal(options.reconnectOnError(new Error("READONLY You can't write against a read only replica.")), true);
  assert.equal(options.reconnectOnError(new Error("WRONGTYPE")), false);
});
