"""The service: routes and what happens at start and stop."""

from contextlib import asynccontextmanager

from fastapi import FastAPI, Response


def create_app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.ready = True
        yield
        # All open requests have been answered here; close pools and clients.
        app.state.ready = False

    app = FastAPI(title="service", lifespan=lifespan)
    app.state.ready = False

    @app.get("/healthz")
    async def healthz(response: Response) -> dict[str, str]:
        if not app.state.ready:
            response.status_code = 503
            return {"status": "stopping"}
        return {"status": "ok"}

    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"message": f"Hello, {name}"}

    return app
