#!/usr/bin/env python3
"""Answers the health checks of gRPC on a port: the service serves. Every other call is not implemented.

usage: grpc_health.py PORT
"""
import socketserver, sys

import h2.config, h2.connection, h2.events


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        self.request.sendall(connection.data_to_send())
        paths = {}
        while data := self.request.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    paths[event.stream_id] = dict(event.headers)[":path"]
                elif isinstance(event, h2.events.StreamEnded):
                    self.answer(connection, event.stream_id, paths.pop(event.stream_id))
            self.request.sendall(connection.data_to_send())

    def answer(self, connection, stream, path):
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        if path != "/grpc.health.v1.Health/Check":
            return connection.send_headers(stream, headers + [("grpc-status", "12")], end_stream=True)
        connection.send_headers(stream, headers)
        # A message of two bytes: field 1, the status SERVING.
        connection.send_data(stream, b"\0\0\0\0\2\x08\1")
        connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("", int(sys.argv[1])), Handler).serve_forever()
