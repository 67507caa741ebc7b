"""Serves the functions of the folder `functions` on $PORT until SIGTERM, then answers what is open and ends."""

import os
import signal
import sys
from pathlib import Path

import uvicorn

from .app import create_app, load

if __name__ == "__main__":
    # uvicorn raises the signal again after it has answered all requests; this is not a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    functions = load(Path(__file__).parent.parent / "functions")
    uvicorn.run(
        create_app(functions, float(os.environ.get("FUNCTION_TIMEOUT_SECONDS", "30"))),
        host="0.0.0.0",
        port=int(os.environ.get("PORT", "8001")),
        timeout_graceful_shutdown=20,
        proxy_headers=True,
        forwarded_allow_ips="*",
    )
