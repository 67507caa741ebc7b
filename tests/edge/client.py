"""Sends requests exactly as they are given, each from the address that the case names, and prints the answers.

usage: client.py ask FILE          a list of {from, to, port, host, raw}; prints a list of {status, headers, body}; ports other
                                   than 8443 are without TLS
       client.py stream FROM TO HOST
                                   asks for /events, and for /release once the first event is there; prints what arrived
       client.py smuggle FROM TO HOST OPEN-PATH PATH
                                   asks for OPEN-PATH with an upgrade to h2c and, where it is granted, for PATH inside
"""
import json, socket, ssl, struct, sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def connect(source, to, host, port=8443):
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["http/1.1"])
    tcp = socket.socket()
    tcp.settimeout(15)
    tcp.bind((source, 0))
    tcp.connect((to, port))
    if port != 8443:
        return tcp
    return context.wrap_socket(tcp, server_hostname=host)


def read_all(tls):
    data = b""
    while True:
        try:
            more = tls.recv(65536)
        except (ConnectionError, ssl.SSLError):
            more = b""
        if not more:
            return data
        data += more


def ask(case):
    with connect(case["from"], case["to"], case["host"], case["port"]) as tls:
        tls.sendall(case["raw"].encode("latin-1"))
        head, _, body = read_all(tls).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    headers = [line.decode("latin-1") for line in head.split(b"\r\n")[1:]]
    return {"status": int(words[1]) if len(words) > 1 else 0, "headers": headers, "body": body.decode("latin-1")}


def stream(source, to, host):
    request = "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
    with connect(source, to, host) as tls:
        tls.settimeout(3)
        tls.sendall(request.format("/events", host).encode())
        data = b""
        try:
            while b"first" not in data:
                data += tls.recv(65536)
        except TimeoutError:
            return {"streamed": False}
        finally:
            ask({"from": source, "to": to, "host": host, "port": 8443, "raw": request.format("/release", host)})
        return {"streamed": b"last" not in data, "ended": b"last" in read_all(tls)}


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def smuggle(source, to, host, open_path, path):
    with connect(source, to, host) as tls:
        tls.sendall((f"GET {open_path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
                     "Connection: Upgrade, HTTP2-Settings\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            byte = tls.recv(1)
            if not byte:
                break
            head += byte
        if b" 101 " not in head.split(b"\r\n")[0]:
            return {"upgraded": False, "status": int(head.split(b" ")[1])}
        fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", host.encode()), (b":path", path.encode())]
        headers = b"".join(literal(name, value) for name, value in fields)
        tls.sendall(PREFACE + frame(4, 0, 0, b"") + frame(1, 5, 3, headers))
        data = b""
        while True:
            start = b""
            while len(start) < 9:
                more = tls.recv(9 - len(start))
                if not more:
                    return {"upgraded": True, "body": data.decode("latin-1")}
                start += more
            length, kind, flags, stream = int.from_bytes(start[:3], "big"), start[3], start[4], int.from_bytes(start[5:], "big")
            payload = b""
            while len(payload) < length:
                payload += tls.recv(length - len(payload))
            if kind == 4 and not flags & 1:
                tls.sendall(frame(4, 1, 0, b""))
            if kind == 0 and stream == 3:
                data += payload
                if flags & 1:
                    return {"upgraded": True, "body": data.decode("latin-1")}


if sys.argv[1] == "ask":
    print(json.dumps([ask(case) for case in json.load(open(sys.argv[2]))]))
elif sys.argv[1] == "stream":
    print(json.dumps(stream(*sys.argv[2:])))
else:
    print(json.dumps(smuggle(*sys.argv[2:])))
