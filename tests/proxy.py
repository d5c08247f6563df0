"""A TCP proxy to MongoDB that can be cut and opened again."""

import asyncio

from pymongo.uri_parser import parse_uri


class Proxy:
    """Forwards a local port to MongoDB; must be used from one event loop."""

    def __init__(self, mongodb_uri: str) -> None:
        (node, *_) = parse_uri(mongodb_uri)["nodelist"]
        self._upstream = (node[0], node[1] or 27017)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays = 0
        self.port = 0

    @property
    def uri(self) -> str:
        """The URI of MongoDB through the proxy, with short timeouts."""
        return (
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
            "&serverSelectionTimeoutMS=300&heartbeatFrequencyMS=500"
        )

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        # A connection that was just accepted has no transport yet. asyncio would forget it, and
        # leave its socket open, if the server closed now.
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening)
        await asyncio.sleep(0)
        self._server.close()
        # Relays that are still connecting have no writers yet, and a connection that was just
        # accepted has no relay yet: the loop takes a few turns to start and to close it.
        quiet_turns = 0
        while quiet_turns < 5:
            for writer in [*self._writers]:
                writer.transport.abort()
            await asyncio.sleep(0.01)
            quiet_turns = 0 if self._relays else quiet_turns + 1

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None or not self._server.is_serving():
            # Accepted before the cut but scheduled after it: `cut` did not wait for this relay.
            writer.transport.abort()
            return
        self._relays += 1
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
            self._writers |= {writer, upstream_writer}
            await asyncio.gather(
                self._pump(reader, upstream_writer), self._pump(upstream_reader, writer)
            )
        finally:
            # `_pump` has not closed it if MongoDB could not be reached.
            writer.transport.abort()
            self._relays -= 1

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
