// Notifications by mail and webhook. It listens on $PORT until SIGTERM.
import { readFileSync } from "node:fs";
import { send, ways } from "./delivery";
import { server } from "./server";
import { tableStore } from "./store";

const INTERVAL = 5000;

const secret = (variable: string) => readFileSync(process.env[variable] ?? "", "utf8").trim();
const store = tableStore(process.env.DATABASE_URL ?? "");
const delivery = ways(process.env, secret("WEBHOOK_URL_FILE"));

let running = false;
async function deliver(): Promise<void> {
  if (running) return;
  running = true;
  try {
    await store.deliver((message) => send(delivery, message));
  } catch (error) {
    console.error(`messages wait: ${(error as Error).message}`);
  } finally {
    running = false;
  }
}

const timer = setInterval(deliver, INTERVAL);
const http = server(store, secret("API_KEY_FILE"), () => void deliver());
http.listen(Number(process.env.PORT), () => console.log(`listening on ${process.env.PORT}`));
process.on("SIGTERM", () => {
  clearInterval(timer);
  http.close(() => process.exit(0));
});
