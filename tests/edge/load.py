"""Loads the edge, and serves the requests that pass it.

usage: load.py serve PORT               answers /zeros?N with N bytes, /body with the length of the body, and accepts websockets
       load.py downloads N BYTES RATE   N clients at once read BYTES, each at RATE bytes a second
       load.py uploads N BYTES          N clients at once send BYTES
       load.py steady N SECONDS         N clients request one after the other on new connections, beside an open websocket; prints
                                        whether the answers came before or after the edge added the header X-Changed
       load.py websockets N             N clients open a websocket and are silent; each sends a message when all are open
Clients connect to 172.30.0.5:8443 for the host in $HOST, from 100 loopback addresses each, and print how often each result came.
"""
import asyncio, collections, json, os, ssl, sys

import connections

HOST = os.environ.get("HOST", "")
LIMIT = 1 << 16


async def answer(reader, writer):
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ")[1]
        if "pgrade: websocket" in head:
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            while data := await reader.read(64):
                writer.write(data)
            return
        if path.startswith("/zeros?"):
            left = int(path.split("?")[1])
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n".encode())
            block = bytes(LIMIT)
            while left:
                writer.write(block[:left])
                left -= min(left, LIMIT)
                await writer.drain()
            continue
        received = 0
        lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
        expected = int(lengths[0].split(":")[1]) if lengths else 0
        while received < expected:
            received += len(await reader.read(min(LIMIT, expected - received)))
        text = str(received).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        await writer.drain()


async def connect(number):
    source = f"127.1.{number % 100}.1"
    return await connections.connect(HOST, limit=LIMIT, local_addr=(source, 0), ssl_handshake_timeout=120)


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head


async def download(number, size, rate):
    reader, writer = await connect(number)
    writer.write(f"GET /zeros?{size} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    status, _ = await answer_of(reader)
    received = 0
    while data := await reader.read(LIMIT):
        received += len(data)
        await asyncio.sleep(len(data) / rate)
    writer.close()
    return f"{status} {'whole' if received == size else 'truncated'}" if status == 200 else str(status)


async def upload(number, size):
    reader, writer = await connect(number)
    writer.write(f"POST /body HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
    block = bytes(LIMIT)
    for _ in range(size // LIMIT):
        writer.write(block)
        await writer.drain()
    status, _ = await answer_of(reader)
    body = await reader.read()
    writer.close()
    return f"{status} {'whole' if body == str(size).encode() else 'truncated'}"


async def websocket(number, opened):
    reader, writer = await connect(number)
    writer.write(f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".encode())
    status, _ = await answer_of(reader)
    await opened.wait()
    if status != 101:
        writer.close()
        return str(status)
    writer.write(b"ping")
    echoed = await reader.readexactly(4)
    writer.close()
    return f"101 {echoed.decode()}"


async def count(clients):
    async def result(client):
        try:
            return await client
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            return type(error).__name__
    results = collections.Counter(await asyncio.gather(*(result(client) for client in clients)))
    print(json.dumps(dict(sorted(results.items()))))


async def websockets(number):
    opened = asyncio.Event()
    tasks = []
    for i in range(number):
        tasks.append(asyncio.create_task(websocket(i, opened)))
        if i % 50 == 49:
            # The test is about open connections, so handshakes are spread over time.
            await asyncio.sleep(0.1)
    await asyncio.sleep(5)
    opened.set()
    await count(tasks)


async def steady(number, seconds):
    opened, results = asyncio.Event(), collections.Counter()
    open_websocket = asyncio.create_task(websocket(99, opened))
    async def request_repeatedly(client):
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            try:
                reader, writer = await connect(client)
                writer.write(f"GET /zeros?1000 HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                status, head = await answer_of(reader)
                body = await reader.read()
                writer.close()
                when = "after" if b"x-changed" in head.lower() else "before"
                results[f"{status} {when}" if len(body) == 1000 else "truncated"] += 1
            except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                results[type(error).__name__] += 1
    await asyncio.gather(*(request_repeatedly(i) for i in range(number)))
    opened.set()
    results[await open_websocket] += 1
    print(json.dumps(dict(sorted(results.items()))))


command, numbers = sys.argv[1], [int(word) for word in sys.argv[2:]]
if command == "serve":
    asyncio.run(connections.serve(*numbers, answer))
elif command == "websockets":
    asyncio.run(websockets(*numbers))
elif command == "steady":
    asyncio.run(steady(*numbers))
else:
    client = {"downloads": download, "uploads": upload}[command]
    async def main():
        await count([client(i, *numbers[1:]) for i in range(numbers[0])])
    asyncio.run(main())
