import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";

import { counters, metrics } from "../src/metrics.js";

test("jobs are counted by state and by result", async () => {
  const worker = new EventEmitter();
  const ended = counters(worker);
  worker.emit("completed");
  worker.emit("failed");
  worker.emit("completed");
  const queue = { name: 'a"b', getJobCounts: async () => ({ waiting: 3, active: 1, failed: 2 }) };
  const lines = (await metrics(queue, ended)).split("\n");
  for (const line of [
    'bullmq_jobs{queue="a\\"b",state="waiting"} 3',
    'bullmq_jobs{queue="a\\"b",state="delayed"} 0',
    'bullmq_jobs_ended_total{queue="a\\"b",result="completed"} 2',
    'bullmq_jobs_ended_total{queue="a\\"b",result="failed"} 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});
