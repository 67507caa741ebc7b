"""Two replicas behind the edge, one of which silently drops packets: iptables drops everything that it sends and receives.

usage: replicas.py serve PORT                answers every request with its port, on connections that stay open
       replicas.py ask SECONDS CLIENTS       CLIENTS ask for SECONDS, each every 0.2 s on one connection after the other; the
                                             packets of replica 9002 vanish after two seconds. Prints {"failed", "stalls"}: for
                                             each answer that took more than three seconds, when it was asked for and how long it took
The clients connect to 172.30.0.5:8443 for the host in $HOST. `ask` needs root in a separate network namespace.
"""
import asyncio, json, os, subprocess, sys, time

from connections import connect, serve

HOST = os.environ.get("HOST", "")
SWALLOWING = "9002"


async def answer(reader, writer):
    port = str(writer.get_extra_info("sockname")[1]).encode()
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(port), port))
        await writer.drain()


async def request():
    reader, writer = await connect(HOST)
    writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    text = await reader.read()
    writer.close()
    return text.startswith(b"HTTP/1.1 200 ")


async def client(start, seconds, result):
    while (asked := time.monotonic()) < start + seconds:
        try:
            good = await asyncio.wait_for(request(), 40)
        except (OSError, TimeoutError, asyncio.TimeoutError):
            good = False
        took = time.monotonic() - asked
        result["requests"] += 1
        result["failed"] += not good
        if took > 3:
            result["stalls"].append([round(asked - start, 1), round(took, 1)])
        await asyncio.sleep(max(0, 0.2 - took))


async def drop_packets():
    await asyncio.sleep(2)
    for side in ["--dport", "--sport"]:
        subprocess.run(["iptables", "-A", "INPUT", "-p", "tcp", side, SWALLOWING, "-j", "DROP"], check=True)


async def ask(seconds, clients):
    result = {"requests": 0, "failed": 0, "stalls": []}
    start = time.monotonic()
    await asyncio.gather(drop_packets(), *(client(start, seconds, result) for _ in range(clients)))
    subprocess.run(["iptables", "-F", "INPUT"], check=True)
    print(json.dumps(result))


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2]), answer))
else:
    asyncio.run(ask(float(sys.argv[2]), int(sys.argv[3])))
