// Processes the queue $QUEUE of $REDIS_URL until SIGTERM, then finishes started jobs and exits.
import { createServer } from "node:http";
import { Worker } from "bullmq";
import { Redis } from "ioredis";

import { work } from "./jobs.js";

const connection = new Redis(process.env.REDIS_URL ?? "redis://redis:6379/0", { maxRetriesPerRequest: null });
const worker = new Worker(process.env.QUEUE ?? "jobs", work, { connection, concurrency: Number(process.env.CONCURRENCY ?? 4) });
worker.on("error", (error) => console.error(error.message));
worker.on("failed", (job, error) => console.error(`${job?.name} ${job?.id}: ${error.message}`));

// Healthy while it is connected and accepts jobs.
const server = createServer((request, response) => {
  const known = request.url === "/healthz";
  const well = connection.status === "ready" && worker.isRunning();
  response.writeHead(known ? (well ? 200 : 503) : 404, { "content-type": "application/json" });
  response.end(JSON.stringify({ status: known ? (well ? "ok" : connection.status) : "unknown" }));
}).listen(Number(process.env.PORT ?? 8001), "0.0.0.0");

async function stop() {
  // Jobs that take longer than 20 seconds are left to a different worker.
  setTimeout(() => process.exit(1), 20_000).unref();
  await worker.close();
  server.close();
  await connection.quit().catch(() => {});
  process.exit(0);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
