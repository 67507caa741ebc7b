// The routes of the service. `ready` is whether the service accepts new requests.
import express from "express";

export function createApp(state = { ready: true }) {
  const app = express();
  app.disable("x-powered-by");
  app.use(express.json({ limit: "1mb" }));

  app.get("/healthz", (_request, response) => {
    response.status(state.ready ? 200 : 503).json({ status: state.ready ? "ok" : "stopping" });
  });

  app.get("/hello/:name", (request, response) => {
    response.json({ message: `Hello, ${request.params.name}` });
  });

  return app;
}
