#!/usr/bin/env python3
"""Replaces images that cannot be pulled: listens where the real program listens, answers its health path,
and ends at once when a setting that the real one needs is missing or wrong.

Configured by /etc/stand-in.json: name, ports, health paths, needs (see check). A path that only other images
have for their health is not found; every other request is answered with what arrived; a websocket upgrade
echoes frames. `stand_in.py readyz` asks a running one, as `/mailpit readyz` does. After SIGTERM it accepts no connection,
completes open requests and closes websockets with status 1001.
"""
import base64, hashlib, json, os, signal, socket, socketserver, struct, subprocess, sys, threading, time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONFIG = json.load(open("/etc/stand-in.json"))

# Health paths of the images in the catalogue.
HEALTH = {"/health", "/healthz", "/livez", "/readyz", "/api/health", "/minio/health/live", "/minio/health/ready"}


def fail(message):
    print(f"{CONFIG['name']}: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


def value(name):
    """A variable, or the content of the file that NAME_FILE or NAME__FILE names."""
    for suffix in ("_FILE", "__FILE"):
        if os.environ.get(name + suffix):
            with open(os.environ[name + suffix]) as file:
                return file.read().strip()
    return os.environ.get(name, "")


def check():
    for name in CONFIG.get("needs", []):
        if not value(name):
            fail(f"{name} is missing")
    for name, least in CONFIG.get("min_length", {}).items():
        if len(value(name)) < least:
            fail(f"{name} is shorter than {least}")
    for name in CONFIG.get("json", []):
        try:
            secret = json.loads(value(name))
        except ValueError:
            fail(f"{name} is not JSON")
        if len(secret.get("key", "")) < 32 or secret.get("type") not in ("HS256", "HS384", "HS512"):
            fail(f"{name} is no JWT secret")
    for name in CONFIG.get("databases", []):
        query = subprocess.run(["psql", value(name), "-qtAc", "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"],
                               capture_output=True, text=True)
        if query.returncode:
            fail(f"{name}: {query.stderr.strip().splitlines()[0] if query.stderr.strip() else 'no connection'}")
        if query.stdout.strip().endswith("|t"):
            fail(f"{name} connects as superuser")
    for words in CONFIG.get("command", []):
        if words not in sys.argv[1:]:
            fail(f"the command lacks {words}")
    for path in CONFIG.get("writable", []):
        try:
            open(os.path.join(path, ".stand-in"), "w").close()
        except OSError as error:
            fail(f"{path} cannot be written: {error.strerror}")
    for path in CONFIG.get("files", []):
        if not os.path.exists(path):
            fail(f"{path} is missing")
    if CONFIG.get("read_only", True):
        try:
            open("/stand-in-probe", "w").close()
        except OSError:
            return
        fail("the root file system can be written")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = set()
    servers = []
    has_websocket = False

    def setup(self):
        super().setup()
        self.connections.add(self)

    def finish(self):
        self.connections.discard(self)
        super().finish()

    def end(self):
        """Ends the connection once the open request is answered."""
        self.close_connection = True
        try:
            if self.has_websocket:
                self.connection.sendall(b"\x88\x02\x03\xe9")
            self.connection.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.websocket()
        self.answer(b"")

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            length = 0
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                length += len(self.rfile.read(size))
                self.rfile.readline()
                if size == 0:
                    return length
        left = length = int(self.headers.get("Content-Length", 0))
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        return length

    def do_POST(self):
        self.answer(self.body())

    do_PUT = do_DELETE = do_PATCH = do_POST

    def answer(self, length):
        seen = {"service": CONFIG["name"], "port": self.server.server_port, "method": self.command, "path": self.path,
                "headers": {k.lower(): v for k, v in self.headers.items()}, "body_bytes": length or 0}
        text = json.dumps(seen).encode()
        path = self.path.split("?")[0]
        self.send_response(404 if path in HEALTH and path not in CONFIG["health"] else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_HEAD = do_OPTIONS = do_GET

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = self.has_websocket = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([head[0], len(data)]) + data)
            self.wfile.flush()


def stop(*_):
    """Stops in another thread, since the main one serves requests."""
    def drain():
        for server in Handler.servers:
            server.shutdown()
            server.server_close()
        for connection in list(Handler.connections):
            connection.end()
        end = time.monotonic() + 10
        while Handler.connections and time.monotonic() < end:
            time.sleep(0.05)
        os._exit(0)
    threading.Thread(target=drain).start()


class Smtp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"220 mail ESMTP\r\n")


class Echo(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port):
        super().__init__(("", port), Handler)
        Handler.servers.append(self)


if __name__ == "__main__":
    if sys.argv[1:] == ["readyz"]:
        urllib.request.urlopen(f"http://127.0.0.1:{CONFIG['ports'][0]}/readyz", timeout=3)
        sys.exit(0)
    check()
    for port in CONFIG.get("smtp", []):
        threading.Thread(target=socketserver.ThreadingTCPServer(("", port), Smtp).serve_forever, daemon=True).start()
    ports = CONFIG["ports"]
    if "port_variable" in CONFIG:
        ports = [int(os.environ[CONFIG["port_variable"]])]
    for port in ports[1:]:
        threading.Thread(target=Echo(port).serve_forever, daemon=True).start()
    main = Echo(ports[0])
    signal.signal(signal.SIGTERM, stop)
    print(f"{CONFIG['name']}: ready on {ports}", flush=True)
    main.serve_forever()
