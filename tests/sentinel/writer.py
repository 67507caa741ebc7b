"""Writes numbers to a list of the primary that the Sentinels name, until SECONDS have passed. Prints each number that Redis
has acknowledged with the time of the acknowledgement, and at the end the primary."""
import os
import socket
import sys
import time


class Connection:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=1)
        self.reader = self.socket.makefile("rb")
        self("AUTH", os.environ["REDIS_PASSWORD"])

    def __call__(self, *words):
        parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
        self.socket.sendall("".join(parts).encode())
        return self.reply()

    def reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the connection ended")
        kind, value = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise OSError(value)
        if kind == b"$":
            return None if value == "-1" else self.reader.read(int(value) + 2)[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(value))]
        return value


def primary():
    for sentinel in os.environ["REDIS_SENTINELS"].split(","):
        host, port = sentinel.split(":")
        try:
            return Connection(host, int(port))("SENTINEL", "GET-MASTER-ADDR-BY-NAME", os.environ["REDIS_MASTER_NAME"])
        except OSError:
            continue
    raise OSError("no Sentinel answers")


first, end = int(sys.argv[1]), time.time() + float(sys.argv[2])
number, connection = first, None
while time.time() < end:
    try:
        if connection is None:
            connection = Connection(*primary())
        connection("RPUSH", "numbers", str(number))
        print("stored", number, time.time(), flush=True)
        time.sleep(0.005)
    except OSError as error:
        print("refused", number, error, file=sys.stderr, flush=True)
        connection = None
        time.sleep(0.1)
    # A number that was not acknowledged may be stored or not, so it is not used again.
    number += 1
print("primary", *primary())
