"""Sends one GET over HTTP/3 and prints the response: {status, headers, body}, or {error} if no connection was made.

usage: http3.py ADDRESS PORT HOST PATH
"""
import asyncio, json, ssl, sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.headers, self.body = [], b""
        self.done = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                self.headers += event.headers
            if isinstance(event, DataReceived):
                self.body += event.data
            if isinstance(event, (DataReceived, HeadersReceived)) and event.stream_ended and not self.done.done():
                self.done.set_result(None)

    async def get(self, host, path):
        stream = self._quic.get_next_available_stream_id()
        fields = {":method": "GET", ":scheme": "https", ":authority": host, ":path": path, "x-own": "1"}
        self.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in fields.items()], end_stream=True)
        self.transmit()
        await self.done


async def main(address, port, host, path):
    settings = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, verify_mode=ssl.CERT_NONE, server_name=host)
    async with connect(address, int(port), configuration=settings, create_protocol=Client) as client:
        await client.get(host, path)
        text = [(name.decode(), value.decode()) for name, value in client.headers]
        status = next(int(value) for name, value in text if name == ":status")
        return {"status": status, "headers": [f"{name}: {value}" for name, value in text if name[0] != ":"],
                "body": client.body.decode("latin-1")}


try:
    print(json.dumps(asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 5))))
except (OSError, TimeoutError, asyncio.TimeoutError) as error:
    print(json.dumps({"error": type(error).__name__}))
