import assert from "node:assert/strict";
import { test } from "node:test";

import { work } from "../src/jobs.js";

test("it greets", async () => {
  assert.equal(await work({ name: "greet", data: { name: "Ada" } }), "Hello, Ada");
});

test("an unknown job fails", async () => {
  for (const name of ["nothing", "constructor", "__proto__"]) {
    await assert.rejects(work({ name, data: {} }), /no job is called/);
  }
});
