"""Connections that are silent, slow or too many are closed, and counted."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread
from typing import Any, Final

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from server.http import connections
from server.http.connections import STATE, Connections
from server.http.protocol import Protocol
from tests.commands import PATIENCE, free_port

_HEAD: Final = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
_UPGRADE: Final = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
_CHUNK: Final = b"x" * 1_000_000


async def _echo(request: Request) -> Response:
    try:
        return PlainTextResponse(await request.body())
    except ClientDisconnect:
        return Response()


async def _large(request: Request) -> Response:
    async def chunks() -> Any:
        for _ in range(100):
            yield _CHUNK

    return StreamingResponse(chunks())


async def _well(request: Request) -> Response:
    return PlainTextResponse("well")


class Server:
    """A server with some limits, and the reasons of the connections that it closed."""

    def __init__(self, most: int) -> None:
        self.closed = Counter[str]()
        self.port = free_port()
        routes = [
            Route("/echo", _echo, methods=["POST"]),
            Route("/large", _large),
            Route("/healthz", _well),
        ]
        limits = Connections(most, lambda reason: self.closed.update([reason]))

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "lifespan":
                await Starlette(routes=routes)(scope, receive, send)
                return
            await receive()
            scope["state"][STATE] = limits
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        self.server = uvicorn.Server(
            uvicorn.Config(
                application,
                port=self.port,
                http=Protocol,
                loop="asyncio",
                log_config=None,
                timeout_keep_alive=connections.IDLE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )

    def connect(self, *sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        for part in sent:
            connection.sendall(part)
        return connection

    def get(self, path: str) -> int:
        with httpx.Client() as client:
            url = f"http://127.0.0.1:{self.port}{path}"
            return client.post(url).status_code if path == "/echo" else client.get(url).status_code


@contextmanager
def _serving(most: int = 1000) -> Iterator[Server]:
    made = Server(most)
    thread = Thread(target=asyncio.run, args=(made.server.serve(),))
    thread.start()
    try:
        while not made.server.started:
            time.sleep(0.01)
        yield made
    finally:
        made.server.should_exit = True
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("SILENT", "HEAD", "BODY", "READER"):
        monkeypatch.setattr(connections, f"{name}_SECONDS", 0.3)
    monkeypatch.setattr(connections, "IDLE_SECONDS", 1)
    with _serving() as made:
        yield made


def _until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _received(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


@pytest.mark.parametrize(
    ("sent", "answered", "reason"),
    [
        ([], False, "silent"),
        ([b"\r\n"], False, "silent"),
        ([b"POST /echo HTT"], False, "head"),
        ([_HEAD + b"X-More: "], False, "head"),
        ([_HEAD + b"Content-Length: 10\r\n\r\n12345"], False, "body"),
        ([_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"], False, "body"),
        ([_HEAD + _UPGRADE + b"Content-Length: 10\r\n\r\n12345"], False, "body"),
        ([_HEAD + b"Content-Length: 2\r\n\r\n12"], True, "idle"),
        ([_HEAD + b"Content-Length: 2\r\n\r\n12" + _HEAD], True, "head"),
        ([_HEAD + _UPGRADE + b"Content-Length: 2\r\n\r\n12"], True, "idle"),
        ([_HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: "], False, "body"),
    ],
)
def test_a_connection_without_progress_is_closed(
    server: Server, sent: list[bytes], answered: bool, reason: str
) -> None:
    with server.connect(*sent) as connection:
        received = _received(connection)
    assert (b"200 OK" in received) is answered
    _until(lambda: server.closed == {reason: 1})


def test_a_slow_head_is_closed_however_often_a_byte_comes(server: Server) -> None:
    with server.connect(_HEAD) as connection, suppress(OSError):
        for _ in range(100):
            connection.sendall(b"X")
            time.sleep(0.02)
    _until(lambda: server.closed == {"head": 1})


@pytest.mark.parametrize("upgrade", [b"", _UPGRADE])
def test_a_client_that_reads_nothing_is_closed(server: Server, upgrade: bytes) -> None:
    with server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n"):
        _until(lambda: server.closed == {"reader": 1})


def test_a_client_that_leaves_is_not_counted_as_closed(server: Server) -> None:
    with server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        connection.recv(1000)
        time.sleep(0.1)
    # Longer than it takes to find twice that a reader takes nothing.
    time.sleep(1)
    assert not server.closed


def test_a_client_that_reads_slowly_gets_all(server: Server) -> None:
    received = 0
    with server.connect(b"GET /large HTTP/1.0\r\nHost: x\r\n\r\n") as connection:
        while data := connection.recv(4_000_000):
            received += len(data)
            time.sleep(0.01)
    assert received > 100 * len(_CHUNK)
    assert not server.closed


def test_beyond_the_limit_only_health_checks_are_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 60)
    with _serving(most=2) as server:
        busy = [server.connect(b"POST /echo HTTP/1.1\r\n") for _ in range(2)]
        assert server.get("/healthz") == 200
        for _ in range(3):
            assert server.get("/echo") == 503
        for each in busy:
            each.close()
        _until(lambda: server.get("/echo") == 200)
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("there are too many connections") == 1


def test_idle_connections_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.1)
    with _serving(most=5) as server:
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        idle = [server.connect(request) for _ in range(5)]
        assert [b"connection: close" in each.recv(1000) for each in idle] == [False] * 5
        for _ in range(5):
            # A check beyond the limit is answered, but its connection does not stay.
            with server.connect(request) as connection:
                answer = _received(connection)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert b"connection: close" in answer
        with ExitStack() as more:
            for _ in range(3):
                more.enter_context(server.connect())
            _until(lambda: server.closed["limit"] >= 3)
        _until(lambda: server.get("/echo") == 200)
        for each in idle:
            each.close()


def test_silent_connections_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.3)
    with _serving(most=5) as server:
        silent = [server.connect() for _ in range(20)]
        _until(lambda: server.closed["limit"] >= 15)
        assert server.get("/echo") in (200, 503)
        _until(lambda: server.get("/echo") == 200)
        for each in silent:
            each.close()
