"""Streams that are silent for a while, on each kind of route.

usage: silence.py serve PORT           the service: HTTP/1.1 and websockets. A response begins at once and ends after
                                       a second silence of the same length as the first one, which is asked for as /silent?SECONDS
       silence.py ask SECONDS HOST...  one stream of each kind, at the same time; prints {kind and host: "complete" or what failed}
The clients connect to 172.30.0.5:8443.
"""
import asyncio, json, sys

from connections import connect, serve


async def answer(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    seconds = float(head.split(" ")[1].split("?")[1])
    if "pgrade: websocket" in head:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(64):
            writer.write(data)
            await writer.drain()
        return
    if head.startswith("POST"):
        await reader.readexactly(2)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\na")
    await writer.drain()
    await asyncio.sleep(seconds)
    writer.write(b"b")
    await writer.drain()


async def response(seconds, host):
    reader, writer = await connect(host)
    writer.write(f"GET /silent?{seconds} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return (await reader.read()).endswith(b"\r\n\r\nab")


async def request(seconds, host):
    reader, writer = await connect(host)
    writer.write(f"POST /silent?0 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nConnection: close\r\n\r\na".encode())
    await asyncio.sleep(seconds)
    writer.write(b"b")
    return (await reader.read()).endswith(b"\r\n\r\nab")


async def websocket(seconds, host):
    reader, writer = await connect(host)
    writer.write((f"GET /silent?0 HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(seconds)
    writer.write(b"echo")
    echo = await reader.readexactly(4)
    writer.close()
    return echo == b"echo"


async def grpc(seconds, host):
    """A call over HTTP/2 whose request and response are silent, one after the other; curl sends what it reads from a pipe."""
    command = f"(printf a; sleep {seconds}; printf b) | curl -sSkN --http2 -T - -X POST -H 'Content-Type: application/grpc' -H 'TE: trailers' " \
              f"--resolve {host}:8443:172.30.0.5 -H 'Expect:' -w ' %{{http_code}}' https://{host}:8443/silent?{seconds}"
    curl = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    text = (await curl.communicate())[0].decode("latin-1")
    return text == "ab 200" or text


async def attempt(name, stream):
    try:
        result = await stream
    except Exception as error:
        result = repr(error)
    return name, "complete" if result is True else f"cut: {result}"


async def ask(seconds, hosts):
    streams = []
    for host in hosts:
        kind = host.split(".")[0]
        functions = {"rpc": [grpc], "chat": [response, request, websocket]}.get(kind, [response, request])
        streams += [attempt(f"{function.__name__} {kind}", function(seconds, host)) for function in functions]
    print(json.dumps(dict(await asyncio.gather(*streams))))


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2]), answer))
else:
    asyncio.run(ask(float(sys.argv[2]), sys.argv[3:]))
