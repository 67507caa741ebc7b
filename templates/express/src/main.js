// Listens on $PORT until SIGTERM, then answers open requests and exits.
import { createApp } from "./app.js";

const state = { ready: true };
const port = Number(process.env.PORT ?? 8001);
const server = createApp(state).listen(port, "0.0.0.0", (error) => {
  if (error) throw error;
  console.log(`listening on ${port}`);
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
