// Loads the functions of a folder, and answers requests with them: hello.js answers /hello and all paths below it.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";

const FILE = /^([a-z0-9][a-z0-9_-]*)\.js$/;

// All functions are loaded before the first request, so a broken one is seen when the service starts.
export async function load(folder) {
  const functions = new Map();
  for (const file of (await readdir(folder)).sort()) {
    const [, name] = FILE.exec(file) ?? [];
    if (!name) continue;
    const module = await import(pathToFileURL(join(folder, file)));
    if (typeof module.default !== "function") throw new Error(`${file} has no default function`);
    functions.set(name, module.default);
  }
  return functions;
}

function toRequest(incoming, signal) {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const hasBody = !["GET", "HEAD"].includes(incoming.method);
  const body = hasBody ? { body: Readable.toWeb(incoming), duplex: "half" } : {};
  return new Request(`http://localhost${incoming.url}`, { method: incoming.method, headers, signal, ...body });
}

async function send(response, outgoing) {
  const headers = [...response.headers].filter(([name]) => name !== "set-cookie").flat();
  for (const cookie of response.headers.getSetCookie()) headers.push("set-cookie", cookie);
  outgoing.writeHead(response.status, headers);
  if (response.body) await pipeline(Readable.fromWeb(response.body), outgoing);
  else outgoing.end();
}

function refuse(outgoing, status, error) {
  if (outgoing.headersSent) return outgoing.destroy();
  outgoing.writeHead(status, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify({ error }));
}

// `state.ready` is whether the service accepts new requests. A function that takes longer than `timeout` is aborted.
export function createApp(functions, { state = { ready: true }, timeout = 30_000 } = {}) {
  return async (incoming, outgoing) => {
    const [path] = incoming.url.split("?");
    if (path === "/healthz") {
      outgoing.writeHead(state.ready ? 200 : 503, { "content-type": "application/json" });
      return outgoing.end(JSON.stringify({ status: state.ready ? "ok" : "stopping" }));
    }
    const run = functions.get(path.split("/")[1]);
    if (!run) return refuse(outgoing, 404, "no such function");
    const signal = AbortSignal.timeout(timeout);
    const late = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    try {
      const response = await Promise.race([run(toRequest(incoming, signal)), late]);
      if (!(response instanceof Response)) throw new TypeError(`${path} returned no Response`);
      await send(response, outgoing);
    } catch (error) {
      if (signal.aborted) return refuse(outgoing, 504, "the function took too long");
      console.error(`${incoming.method} ${path}:`, error);
      refuse(outgoing, 500, "the function failed");
    }
  };
}
