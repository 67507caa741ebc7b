"""Receives calls of Alertmanager, and appends the body of each to a file as a line.

usage: receiver.py ADDRESS PORT FILE
"""
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[3], "ab") as file:
            file.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
