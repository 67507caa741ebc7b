"""Loads the functions of a folder, and answers requests with them: hello.py answers /hello and all paths below it."""

import asyncio
import importlib.util
import inspect
import logging
import re
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

FILE = re.compile(r"[a-z][a-z0-9_]*\.py")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
log = logging.getLogger("uvicorn.error")


def load(folder: Path) -> dict:
    """Returns the functions by name. All are loaded before the first request, so a broken one is seen at the start."""
    functions = {}
    for file in sorted(folder.iterdir()):
        if not FILE.fullmatch(file.name):
            continue
        spec = importlib.util.spec_from_file_location(f"functions.{file.stem}", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not inspect.iscoroutinefunction(getattr(module, "handle", None)):
            raise TypeError(f"{file.name} has no `async def handle`")
        functions[file.stem] = module.handle
    return functions


def refuse(status: int, error: str) -> JSONResponse:
    return JSONResponse({"error": error}, status)


def guarded(function, timeout: float):
    """A function whose failure, or a run longer than `timeout` seconds, is an answer like any other."""

    async def run(request: Request) -> Response:
        request.path_params.setdefault("path", "")
        try:
            response = await asyncio.wait_for(function(request), timeout)
            if not isinstance(response, Response):
                raise TypeError("no response was returned")
            return response
        except TimeoutError:
            return refuse(504, "the function took too long")
        except Exception:
            log.exception("%s %s", request.method, request.url.path)
            return refuse(500, "the function failed")

    return run


def create_app(functions: dict, timeout: float = 30) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette):
        app.state.ready = True
        yield
        app.state.ready = False

    async def healthz(request: Request) -> Response:
        ready = request.app.state.ready
        return JSONResponse({"status": "ok" if ready else "stopping"}, 200 if ready else 503)

    routes = [Route("/healthz", healthz)]
    for name, function in functions.items():
        run = guarded(function, timeout)
        routes += [Route(path, run, methods=METHODS) for path in (f"/{name}", f"/{name}/{{path:path}}")]
    not_found = {404: lambda *_: refuse(404, "no such function")}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=not_found)
    app.state.ready = False
    return app
