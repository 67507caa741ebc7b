"""Messages of websockets and events of streams, for benches/edge.py.

usage: streams.py serve CHAT EVENTS                     echoes messages of websockets at the port CHAT, and answers /N at the port
                                                        EVENTS with N events
       streams.py websockets PORT HOST CLIENTS MESSAGES each client sends MESSAGES of 64 bytes, each after the echo of the last
       streams.py events PORT HOST CLIENTS EVENTS       each client reads one stream
Clients connect to 127.0.0.1 over TLS and print the seconds from the first to the last message.
"""
import asyncio, ssl, sys, time

EVENT = b"data: " + b"x" * 56 + b"\n\n"
MESSAGE = b"\x81\x40" + b"y" * 64


async def echo(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def stream(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    number = int(head.split(b" ")[1].strip(b"/"))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for _ in range(number):
        writer.write(EVENT)
        await writer.drain()
        # Each event is one packet, as when a service sends it at the time of its cause.
        await asyncio.sleep(0.001)
    writer.close()


async def serve(chat, events):
    servers = [await asyncio.start_server(function, "127.0.0.1", port) for function, port in [(echo, chat), (stream, events)]]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def connect(port, host, head):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl._create_unverified_context(), server_hostname=host)
    writer.write(f"GET {head}\r\n\r\n".replace("HOST", host).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    return reader, writer, answer.split(b" ")[1]


async def chat(port, host, number, ready):
    head = "/ HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA=="
    reader, writer, status = await connect(port, host, head)
    assert status == b"101", status
    await ready.wait()
    for _ in range(number):
        writer.write(MESSAGE)
        await reader.readexactly(len(MESSAGE))
    writer.close()


async def read_events(port, host, number, ready):
    await ready.wait()
    reader, writer, status = await connect(port, host, f"/{number} HTTP/1.1\r\nHost: HOST\r\nConnection: close")
    assert status == b"200", status
    body = await reader.read()
    assert body.count(b"data: ") == number, (number, len(body))
    writer.close()


async def load(function, port, host, clients, number):
    ready = asyncio.Event()
    running = [asyncio.create_task(function(port, host, number, ready)) for _ in range(clients)]
    await asyncio.sleep(1)
    start = time.monotonic()
    ready.set()
    await asyncio.gather(*running)
    print(time.monotonic() - start)


command, *rest = sys.argv[1:]
if command == "serve":
    asyncio.run(serve(*map(int, rest)))
else:
    port, host, clients, number = rest
    asyncio.run(load({"websockets": chat, "events": read_events}[command], int(port), host, int(clients), int(number)))
