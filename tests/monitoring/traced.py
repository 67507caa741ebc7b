#!/usr/bin/env python3
"""A service that asks its database for each request, with the SDK of OpenTelemetry: the variables OTEL_* alone configure it.

It writes the path of each request to stderr, and answers it with the identifier of the trace.
"""
import os, sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
from opentelemetry import trace
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk._configuration import _OTelSDKConfigurator


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path != "/healthz":
        print(f"orders: request for {path}", file=sys.stderr, flush=True)
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("SELECT 42")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [format(trace.get_current_span().get_span_context().trace_id, "032x").encode()]


_OTelSDKConfigurator().configure()
PsycopgInstrumentor().instrument()
make_server("", 8001, OpenTelemetryMiddleware(app), server_class=Server, handler_class=Handler).serve_forever()
