// The HTTP interface: a health check, metrics, and `POST /notify`.
import { timingSafeEqual, createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { sent } from "./delivery";
import type { Store } from "./store";

const LIMIT = 64 << 10;

const digest = (text: string) => createHash("sha256").update(text).digest();

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > LIMIT) throw new Error("the body is too large");
  }
  return text;
}

function parse(text: string): { recipient: string; subject: string; body: string } | undefined {
  try {
    const { recipient, subject, body } = JSON.parse(text);
    const isText = [recipient, subject, body].every((value) => typeof value === "string" && value !== "");
    // A line break would end a header of the mail.
    return isText && !/[\r\n]/.test(recipient + subject) ? { recipient, subject, body } : undefined;
  } catch {
    return undefined;
  }
}

export function server(store: Store, key: string, wake: () => void): Server {
  const answer = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const notify = async (request: IncomingMessage, response: ServerResponse) => {
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${key}`))) {
      return answer(response, 401, { error: "the key is wrong" });
    }
    const message = parse(await readBody(request));
    if (!message) return answer(response, 400, { error: "expected recipient, subject and body" });
    const id = await store.add(message.recipient, message.subject, message.body);
    wake();
    answer(response, 202, { id });
  };
  const metrics = async (response: ServerResponse) => {
    const lines = [
      "# TYPE notify_sent_total counter",
      `notify_sent_total{way="mail"} ${sent.mail}`,
      `notify_sent_total{way="webhook"} ${sent.webhook}`,
      "# TYPE notify_waiting_messages gauge",
      `notify_waiting_messages ${await store.waiting()}`,
    ];
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(`${lines.join("\n")}\n`);
  };
  return createServer((request, response) => {
    const handle = async () => {
      switch (`${request.method} ${request.url}`) {
        case "GET /healthz":
          return answer(response, 200, { status: "ok" });
        case "GET /metrics":
          return metrics(response);
        case "POST /notify":
          return notify(request, response);
        default:
          return answer(response, 404, { error: "not found" });
      }
    };
    handle().catch((error) => {
      console.error(`${request.method} ${request.url}: ${error.message}`);
      if (!response.headersSent) answer(response, 503, { error: "try again later" });
    });
  });
}
