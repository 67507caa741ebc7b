"""Answers /hello and all paths below it. `handle` takes a request of Starlette and returns a response."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


async def handle(request: Request) -> Response:
    return JSONResponse({"message": f"Hello, {request.path_params['path'] or 'world'}"})
