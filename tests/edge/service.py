"""A service behind the edge, for hypercorn: HTTP/1.1, websockets, HTTP/2 without TLS by prior knowledge and by upgrade.

It answers with what arrived: the version of the protocol, the path as it was sent and the headers, doubled ones joined
by `|`.
"""
import json


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
    if scope["type"] != "http":
        return
    headers = {}
    for name, value in scope["headers"]:
        name = name.decode("latin-1").lower()
        headers[name] = headers[name] + "|" + value.decode("latin-1") if name in headers else value.decode("latin-1")
    seen = {"version": scope["http_version"], "path": scope["raw_path"].decode("latin-1"), "headers": headers}
    body = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
