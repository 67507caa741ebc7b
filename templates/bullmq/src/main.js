// Processes the queue $QUEUE until SIGTERM, then finishes started jobs and exits.
import { createServer } from "node:http";
import { Queue, Worker } from "bullmq";

import { work } from "./jobs.js";
import { counters, metrics } from "./metrics.js";
import { connect } from "./redis.js";

const name = process.env.QUEUE ?? "jobs";
const connection = connect(process.env);
const worker = new Worker(name, work, { connection, concurrency: Number(process.env.CONCURRENCY ?? 4) });
worker.on("error", (error) => console.error(error.message));
worker.on("failed", (job, error) => console.error(`${job?.name} ${job?.id}: ${error.message}`));
const queue = new Queue(name, { connection });
queue.on("error", (error) => console.error(error.message));
const ended = counters(worker);

function answer(response, status, type, body) {
  response.writeHead(status, { "content-type": type });
  response.end(body);
}

// Healthy while it is connected and accepts jobs. Metrics fail instead of waiting while Redis does not answer.
const server = createServer(async (request, response) => {
  const well = connection.status === "ready" && worker.isRunning();
  if (request.url === "/metrics") {
    const late = new Promise((_, reject) => setTimeout(reject, 5_000, new Error("Redis does not answer")).unref());
    await Promise.race([metrics(queue, ended), late]).then(
      (text) => answer(response, 200, "text/plain; version=0.0.4; charset=utf-8", text),
      (error) => answer(response, 503, "text/plain", error.message),
    );
    return;
  }
  const known = request.url === "/healthz";
  const status = known ? (well ? "ok" : connection.status) : "unknown";
  answer(response, known ? (well ? 200 : 503) : 404, "application/json", JSON.stringify({ status }));
}).listen(Number(process.env.PORT ?? 8001), "0.0.0.0");

async function stop() {
  // Jobs that take longer than 20 seconds are left to a different worker.
  setTimeout(() => process.exit(1), 20_000).unref();
  await worker.close();
  server.close();
  await queue.close();
  await connection.quit().catch(() => {});
  process.exit(0);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
