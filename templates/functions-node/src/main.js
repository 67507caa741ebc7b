// Serves the functions of the folder `functions` on $PORT until SIGTERM, then answers open requests and exits.
import { createServer } from "node:http";

import { createApp, load } from "./functions.js";

const state = { ready: true };
const functions = await load(new URL("../functions", import.meta.url).pathname);
const port = Number(process.env.PORT ?? 8001);
const timeout = Number(process.env.FUNCTION_TIMEOUT_SECONDS ?? 30) * 1000;
const server = createServer(createApp(functions, { state, timeout })).listen(port, "0.0.0.0", () => {
  console.log(`${functions.size} functions, ready after ${Math.round(performance.now())} ms`);
});

function stop() {
  state.ready = false;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // Requests that take longer than 20 seconds are aborted.
  setTimeout(() => process.exit(1), 20_000).unref();
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
