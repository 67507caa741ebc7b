"""Loads the edge, and serves the requests that pass it.

usage: load.py serve PORT               answers /zeros?N with N bytes, /body with the length of the body, and accepts websockets
       load.py downloads N BYTES RATE   N clients at once read BYTES, each at RATE bytes a second
       load.py uploads N BYTES          N clients at once send BYTES
       load.py steady N SECONDS         N clients request one after the other on new connections, and N on connections that they keep,
                                        through a network with a latency; next to an open websocket. Prints whether the answers
                                        came before or after the edge added the header X-Changed. Ends earlier if the file $END exists
       load.py websockets N             N clients open a websocket and are silent; each sends a message when all are open
Clients connect to $EDGE (172.30.0.5:8443) for the host in $HOST, each from one of 100 addresses ($SOURCES), and print how often each
result came.
"""
import asyncio, collections, json, os, ssl, sys

import connections

HOST = os.environ.get("HOST", "")
SOURCES = os.environ.get("SOURCES", "127.1.{}.1")
LIMIT = 1 << 16
# Seconds from a distant client to the edge.
LATENCY = 0.03


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


def source_of(number):
    return SOURCES.format(number % 100), 0


async def connect(number):
    return await connections.connect(HOST, limit=LIMIT, local_addr=source_of(number), ssl_handshake_timeout=120)


async def delay(reader, writer):
    """Copies each part to the writer when the latency is over, and then the end."""
    loop, parts = asyncio.get_running_loop(), asyncio.Queue()
    async def send():
        while True:
            due, part = await parts.get()
            await asyncio.sleep(due - loop.time())
            if not part:
                return writer.close()
            writer.write(part)
    sender = asyncio.create_task(send())
    part = b"start"
    while part:
        try:
            part = await reader.read(LIMIT)
        except ConnectionError:
            part = b""
        parts.put_nowait((loop.time() + LATENCY, part))
    await sender


async def connect_from_afar(number):
    """Connects through a local server that delays all parts in both directions."""
    async def relay(client_reader, client_writer):
        try:
            reader, writer = await asyncio.open_connection(*connections.EDGE, local_addr=source_of(number))
        except OSError:
            return client_writer.close()
        try:
            await asyncio.gather(delay(client_reader, writer), delay(reader, client_writer))
        except asyncio.CancelledError:
            pass  # The program ends.
    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        return await asyncio.open_connection("127.0.0.1", port, ssl=connections.TLS, server_hostname=HOST, limit=LIMIT)
    finally:
        server.close()


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head


async def whole_answer(reader):
    """Reads an answer with a length, and returns its result and whether the connection stays open."""
    status, head = await answer_of(reader)
    fields = head.lower()
    await reader.readexactly(int(fields.split(b"content-length:")[1].split(b"\r\n")[0]))
    when = "after" if b"x-changed" in fields else "before"
    return f"{status} {when}", b"connection: close" not in fields


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


async def frame(reader):
    """Reads a frame of a websocket, and returns its kind and its content."""
    kind, length = await reader.readexactly(2)
    if length & 128:
        await reader.readexactly(4)
    return kind & 15, await reader.readexactly(length & 127)


async def websocket(number, opened):
    """Sends a message once the event is set, expects the same, and closes the websocket unless the service has closed it."""
    reader, writer = await connect(number)
    writer.write((f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bnNlbGYgdGVzdCBsb2FkIQ==\r\n\r\n").encode())
    status, _ = await answer_of(reader)
    await opened.wait()
    if status != 101:
        writer.close()
        return str(status)
    # Frames of clients have a mask, here of zeros.
    writer.write(b"\x81\x84" + bytes(4) + b"ping")
    kind, content = await frame(reader)
    if kind == 8:
        return f"101 closed {int.from_bytes(content[:2], 'big')}"
    writer.write(b"\x88\x80" + bytes(4))
    writer.close()
    return f"101 {content.decode()}"


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
    opened, results, loop = asyncio.Event(), collections.Counter(), asyncio.get_running_loop()
    open_websocket = asyncio.create_task(websocket(99, opened))
    end, end_file = loop.time() + seconds, os.environ.get("END", "")
    request = f"GET /zeros?1000 HTTP/1.1\r\nHost: {HOST}\r\n"
    def is_over():
        return loop.time() > end or os.path.exists(end_file)

    async def on_new_connections(client):
        while not is_over():
            try:
                reader, writer = await connect(client)
                writer.write(f"{request}Connection: close\r\n\r\n".encode())
                result, _ = await whole_answer(reader)
                writer.close()
                results[result] += 1
            except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                results[type(error).__name__] += 1
            await asyncio.sleep(0.03)

    async def on_kept_connections(client):
        stays_open, writer = False, None
        while not is_over():
            try:
                # A client does not use a connection of which it has seen the end.
                if not stays_open or reader.at_eof():
                    reader, writer = await connect_from_afar(client)
                writer.write(f"{request}\r\n".encode())
                result, stays_open = await whole_answer(reader)
                results[f"{result}, kept"] += 1
            except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                stays_open = False
                results[f"{type(error).__name__}, kept"] += 1
            if not stays_open and writer:
                writer.close()

    clients = [on_new_connections(i) for i in range(number)] + [on_kept_connections(number + i) for i in range(number)]
    await asyncio.gather(*clients)
    opened.set()
    try:
        results[await open_websocket] += 1
    except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
        results[f"{type(error).__name__}, websocket"] += 1
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
