"""A service behind the edge, for hypercorn: HTTP/1.1, websockets, HTTP/2 without TLS by prior knowledge and by upgrade.

It answers with what arrived: the version of the protocol, the method, the path as it was sent, the query, the body, the
headers, doubled ones joined by `|`, the port of the connection, and that of the server. Some paths have fixed answers:

/accel?X   what arrived, with a header that asks nginx to redirect the request to the path X
/events    one event, and the rest after a request for /release
/html      a page of 4 KB without a charset
/cookies   three cookies of 2,000 bytes
/strict    a header that the edge adds where a service does not
/silent?N  after the whole body of the request, `a`, and after N more seconds `b`
/teapot    status 418 with unusual headers and no content type
"""
import asyncio, json

released = asyncio.Event()

async def answer(send, status, headers, body):
    headers = [(b"content-length", str(len(body)).encode())] + headers
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def events(send):
    released.clear()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    await released.wait()
    await send({"type": "http.response.body", "body": b"data: last\n\n"})


async def silence(receive, send, seconds):
    await read_body(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/grpc")]})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b"b"})


async def read_body(receive):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
    if scope["type"] != "http":
        return
    path = scope["raw_path"].decode("latin-1")
    if path == "/events":
        return await events(send)
    if path == "/release":
        released.set()
    if path == "/silent":
        return await silence(receive, send, float(scope["query_string"]))
    if path == "/html":
        return await answer(send, 200, [(b"content-type", b"text/html")], b"<p>caf\xe9</p>" + b" " * 4096)
    if path == "/cookies":
        return await answer(send, 200, [(b"set-cookie", f"c{i}={'x' * 2000}".encode()) for i in range(3)], b"{}")
    if path == "/teapot":
        return await answer(send, 418, [(b"etag", b'"a"'), (b"x-odd", b"1"), (b"cache-control", b"no-store")], b"short")
    if path == "/strict":
        return await answer(send, 200, [(b"strict-transport-security", b"max-age=60")], b"")
    headers = {}
    for name, value in scope["headers"]:
        name = name.decode("latin-1").lower()
        headers[name] = headers[name] + "|" + value.decode("latin-1") if name in headers else value.decode("latin-1")
    seen = {"version": scope["http_version"], "method": scope["method"], "path": path, "query": scope["query_string"].decode("latin-1"),
            "headers": headers, "body": (await read_body(receive)).decode("latin-1"), "port": scope["client"][1],
            "server": scope["server"][1]}
    accel = [(b"x-accel-redirect", scope["query_string"])] if path == "/accel" else []
    await answer(send, 200, accel, json.dumps(seen).encode())
