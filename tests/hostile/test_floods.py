"""No flood of bytes on a connection holds the event loop."""

import asyncio
import sys
from collections.abc import Iterator
from threading import Thread
from typing import Any, Final

import pytest
import uvicorn
import uvloop

from server.http.protocol import Protocol
from tests.commands import free_port
from tests.hostile.event_loop import STRETCH_SECONDS, occupied

_HEAD: Final = b"POST / HTTP/1.1\r\nHost: x\r\n"
_UPGRADE: Final = b"Connection: upgrade\r\nUpgrade: x\r\n"
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n\r\n"
_BYTES: Final = 8_000_000

_FLOODS: Final = {
    "small chunks": (_HEAD + _CHUNKED, b"1\r\n \r\n"),
    "small chunks of an upgrade": (_HEAD + _UPGRADE + _CHUNKED, b"1\r\n \r\n"),
    "a body": (_HEAD + b"Content-Length: 8000000\r\n\r\n", b"x"),
    "trailers": (_HEAD + _CHUNKED + b"0\r\n", b"a:b\r\n"),
    "a trailer": (_HEAD + _CHUNKED + b"0\r\na:", b"b"),
    "headers": (_HEAD, b"a:b\r\n"),
    "a header": (_HEAD + b"a:", b"b"),
    "requests": (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "requests with an upgrade": (b"", b"GET / HTTP/1.1\r\n" + _UPGRADE + b"\r\n"),
}
_SENDER: Final = """
import contextlib, socket, sys
port, start, part, number = sys.argv[1:]
flood = bytes.fromhex(start) + bytes.fromhex(part) * int(number)
with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)) as server:
    server.sendall(flood)
"""


class Flooded:
    """A server in a thread, which refuses each request before its body is read."""

    def __init__(self) -> None:
        self.port = free_port()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._application, port=self.port, http=Protocol, lifespan="off", log_config=None
            )
        )
        self._thread = Thread(target=lambda: uvloop.run(self._serve()))

    def __enter__(self) -> "Flooded":
        self._thread.start()
        while not self._server.started:
            pass
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self._server.serve()

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def longest(self, start: bytes, part: bytes) -> float:
        """Seconds of processor time for which the flood held this server's event loop."""
        arguments = (str(self.port), start.hex(), part.hex(), str(_BYTES // len(part)))
        async with occupied() as found:
            # A thread of this process would have to wait for the server's.
            sender = await asyncio.create_subprocess_exec(sys.executable, "-c", _SENDER, *arguments)
            await sender.wait()
            await asyncio.sleep(0.1)
        return found.longest


@pytest.fixture(scope="module")
def flooded() -> Iterator[Flooded]:
    with Flooded() as server:
        yield server


@pytest.mark.parametrize(("start", "part"), _FLOODS.values(), ids=_FLOODS)
def test_a_flood_does_not_hold_the_event_loop(flooded: Flooded, start: bytes, part: bytes) -> None:
    assert flooded.loop is not None
    # Other processes can slow a processor down, but none makes it faster.
    longest = min(
        asyncio.run_coroutine_threadsafe(flooded.longest(start, part), flooded.loop).result()
        for _ in range(3)
    )
    assert longest < STRETCH_SECONDS
