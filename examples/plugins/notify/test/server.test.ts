import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { send, type Ways } from "../src/delivery";
import { server } from "../src/server";
import type { Message, Store } from "../src/store";

const message: Message = { id: "1", recipient: "a@example.com", subject: "s", body: "b", mailed: false, posted: false };

function memory(): Store & { messages: string[] } {
  const messages: string[] = [];
  return {
    messages,
    add: async (recipient, subject) => String(messages.push(`${recipient} ${subject}`)),
    waiting: async () => messages.length,
    deliver: async () => undefined,
  };
}

test("a way that failed is repeated, and the other one is not", async () => {
  const calls: string[] = [];
  const delivery: Ways = {
    mail: async () => void calls.push("mail"),
    webhook: async () => {
      calls.push("webhook");
      throw new Error("down");
    },
  };
  const first = await send(delivery, message);
  assert.deepEqual(first, { mailed: true, posted: false });
  await send(delivery, { ...message, ...first });
  assert.deepEqual(calls, ["mail", "webhook", "webhook"]);
});

test("only requests with the key and all fields become messages", async () => {
  const store = memory();
  const http = server(store, "secret", () => undefined).listen(0);
  const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const notify = async (key: string, body: object) => {
    const headers = { authorization: `Bearer ${key}` };
    return (await fetch(`${address}/notify`, { method: "POST", headers, body: JSON.stringify(body) })).status;
  };
  const good = { recipient: "a@example.com", subject: "Paid", body: "Thanks" };
  assert.equal(await notify("secret", good), 202);
  assert.equal(await notify("guess", good), 401);
  assert.equal(await notify("secret", { ...good, body: "" }), 400);
  assert.equal(await notify("secret", { ...good, subject: "x\r\nBcc: b@example.com" }), 400);
  assert.deepEqual(store.messages, ["a@example.com Paid"]);
  const metrics = await (await fetch(`${address}/metrics`)).text();
  assert.match(metrics, /notify_waiting_messages 1\n/);
  http.close();
});
