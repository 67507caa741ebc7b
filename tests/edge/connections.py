"""The connections of the programs in this folder: a server that calls a function for each, and the clients' way to the edge."""
import asyncio, os, ssl

EDGE_ADDRESS, EDGE_PORT = os.environ.get("EDGE", "172.30.0.5:8443").split(":")
EDGE = (EDGE_ADDRESS, int(EDGE_PORT))
TLS = ssl._create_unverified_context()


async def serve(port, answer):
    """Calls `answer(reader, writer)` for each connection to a port of this machine, until the peer has closed it."""
    async def serve_connection(reader, writer):
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve_connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


async def connect(host, **options):
    """Opens a connection to the edge for a host, whatever its certificate."""
    return await asyncio.open_connection(*EDGE, ssl=TLS, server_hostname=host, **options)
