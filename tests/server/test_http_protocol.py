"""The HTTP protocol: upgrade requests, `Host` and endless headers."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.commands import PATIENCE, run, running
from tests.conftest import SECRET

_UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
_CHUNKED = b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
_UPGRADED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + _UPGRADE + b"\r\n"


@pytest.fixture(scope="module")
def served(
    mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, bytes]]:
    """The port of a server, and the Authorization header of an admin."""
    folder = Path(tmp_path_factory.mktemp("http"))
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_http_{uuid4().hex[:12]}",
    }
    bearer = run(folder, "token", "--role", "admin", **settings).stdout.strip()
    with running(folder, "serve", **settings) as (_, url):
        yield int(url.rpartition(":")[2]), f"Authorization: Bearer {bearer}\r\n".encode()


def _answers(port: int, *parts: bytes, count: int = 1) -> list[bytes]:
    """Sends parts on one connection; returns the status lines of `count` or more responses."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        received = b""
        for part in parts:
            connection.sendall(part)
            time.sleep(0.1)
        while received.count(b"HTTP/1.1 ") < count and (data := connection.recv(65536)):
            received += data
        connection.settimeout(0.3)
        try:
            while data := connection.recv(65536):
                received += data
        except TimeoutError:
            pass
    return re.findall(rb"HTTP/1\.1 \d{3} [\w ]+", received)


@pytest.mark.parametrize("apart", [False, True])
def test_an_upgrade_request_is_answered_over_http_1_1(
    served: tuple[int, bytes], apart: bool
) -> None:
    port, bearer = served
    body = json.dumps({"query": "{ viewer { role } }"}).encode()
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + bearer + _UPGRADE + b"Content-Length: %d\r\n\r\n" % len(body)
    )  # fmt: skip
    again = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    parts = [head, body] if apart else [head + body]
    assert _answers(port, *parts, again, count=2) == [b"HTTP/1.1 200 OK"] * 2


def test_the_body_of_an_upgrade_request_is_not_another_request(served: tuple[int, bytes]) -> None:
    port, _ = served
    body = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + _UPGRADE
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    assert _answers(port, head, body) == [b"HTTP/1.1 405 Method Not Allowed"]


def test_a_pipelined_upgrade_request_is_rejected(served: tuple[int, bytes]) -> None:
    port, _ = served
    first = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert b"HTTP/1.1 400 Bad Request" in _answers(port, first + _UPGRADED)


@pytest.mark.parametrize("path", [b"/healthz", b"/readyz", b"/metrics", b"/graphql", b"/nowhere"])
@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: x\r\n", b"Host:\r\n"])
def test_a_request_without_one_host_is_rejected(
    served: tuple[int, bytes], path: bytes, hosts: bytes
) -> None:
    port, bearer = served
    request = b"GET " + path + b" HTTP/1.1\r\n" + hosts + bearer + b"\r\n"
    assert _answers(port, request) == [b"HTTP/1.1 400 Bad Request"]


def test_http_1_0_does_not_demand_a_host(served: tuple[int, bytes]) -> None:
    port, _ = served
    assert _answers(port, b"GET /readyz HTTP/1.0\r\n\r\n") == [b"HTTP/1.1 200 OK"]
    twice = b"GET /readyz HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"
    assert _answers(port, twice) == [b"HTTP/1.1 400 Bad Request"]


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"GET /", b"x"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
        (_CHUNKED + b"0\r\nX: ", b"x"),
        (_CHUNKED + b"0\r\n", b"a: b\r\n"),
        (_CHUNKED + b"1;", b"x"),
    ],
    ids=["a path", "a header", "a trailer", "trailers", "an extension of a chunk"],
)
def test_endless_headers_are_rejected(served: tuple[int, bytes], start: bytes, part: bytes) -> None:
    port, _ = served
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(start)
        # More than the buffers hold.
        with pytest.raises(ConnectionError):
            connection.sendall(part * (50_000_000 // len(part)))


def test_trailers_are_no_headers(served: tuple[int, bytes]) -> None:
    port, bearer = served
    request = _CHUNKED + b"0\r\n" + bearer + b"\r\n"
    assert _answers(port, request) == [b"HTTP/1.1 401 Unauthorized"]


def test_a_large_body_does_not_count_as_headers(served: tuple[int, bytes]) -> None:
    port, bearer = served
    body = json.dumps({"query": "{ viewer { role } } #" + "x" * 500_000}).encode()
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + bearer + b"Content-Length: %d\r\n\r\n" % len(body)
    )  # fmt: skip
    assert _answers(port, head + body + head + body, count=2) == [b"HTTP/1.1 200 OK"] * 2


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([b"nonsense\r\n\r\n"], b"invalid_http"),
        ([b"GET /", b"x" * 66_000], b"head_too_large"),
        ([b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n"], b"head_too_large"),
        ([b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 200], b"pipelined_requests"),
        ([b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"], b"connect"),
        ([_UPGRADED, b"nonsense\r\n\r\n"], b"invalid_http"),
        ([b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + _UPGRADED], b"pipelined_upgrade"),
    ],
)
def test_requests_that_are_not_http_are_counted(
    served: tuple[int, bytes], sent: list[bytes], reason: bytes
) -> None:
    port, _ = served

    def counted() -> float:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").content
        sample = rb'headcount_http_errors_total{reason="%s",status="400"} (\S+)' % reason
        return sum(map(float, re.findall(sample, text)))

    before = counted()
    assert b"HTTP/1.1 400 Bad Request" in _answers(port, *sent, count=2)
    assert counted() == before + 1
