"""Compression: which responses, for which clients, and how streams and large bodies flow."""

import asyncio
import gzip
import json
import zlib
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from exports.addresses import EVENTS_DASHBOARD_ROUTE
from exports.formats.file_types import CSV, CSV_ZIP, XLSX
from exports.formats.file_types import JSON as JSON_FILE
from server.http.compression import COMPRESSED_FROM, Compression
from tests.commands import running
from tests.conftest import SECRET, client, token
from tests.hostile.event_loop import STRETCH_SECONDS, occupied
from tests.operations import every_field

HEADERS = {"authorization": f"Bearer {token(role='admin')}"}
GZIP = {"accept-encoding": "gzip"}
PLAIN = {"accept-encoding": "identity"}
SCOPE = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
LONG = b"The same text. " * 10_000


def _application(response: Response) -> Starlette:
    async def answer(request: Request) -> Response:
        return response

    routes = [Route("/", answer)]
    return Starlette(routes=routes, middleware=[Middleware(Compression)])


async def _silence() -> Message:
    """Receives nothing more from the client."""
    await asyncio.Event().wait()
    return {}


async def _answered(response: Response, **headers: str) -> httpx.Response:
    async with client(_application(response)) as http:
        return await http.get("/", headers={"accept-encoding": "gzip", **headers})


async def test_answers_above_one_kilobyte_are_compressed(http: httpx.AsyncClient) -> None:
    text = f"{{ orderStats {every_field('OrderStats')} metrics {every_field('Metrics')} }}"

    async def answered(query: str, headers: dict[str, str]) -> httpx.Response:
        return await http.post("/graphql", json={"query": query}, headers=HEADERS | headers)

    plain, packed = await answered(text, PLAIN), await answered(text, GZIP)
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content) > COMPRESSED_FROM
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(packed.content) / 2
    assert packed.json()["data"] == plain.json()["data"]
    for each in (plain, packed):
        assert "Accept-Encoding" in each.headers["vary"]
    small = await answered("{ viewer { role } }", GZIP)
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("*", True),
        ("br;q=1.0, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("x-gzipped", False),
        ("", False),
    ],
)
async def test_only_clients_that_accept_gzip_get_it(accepted: str, packed: bool) -> None:
    response = await _answered(Response(LONG), **{"accept-encoding": accepted})
    assert response.headers.get("content-encoding") == ("gzip" if packed else None)
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.content == LONG


@pytest.mark.parametrize(
    ("length", "packed"), [(COMPRESSED_FROM - 1, False), (COMPRESSED_FROM, True)]
)
async def test_short_bodies_are_not_compressed(length: int, packed: bool) -> None:
    response = await _answered(Response(b"x" * length))
    assert ("content-encoding" in response.headers) is packed


@pytest.mark.parametrize(
    "media_type",
    [XLSX.media_type, CSV_ZIP.media_type, "text/event-stream", "image/png", "font/woff2"],
)
async def test_event_streams_and_what_is_compressed_already_are_left_alone(media_type: str) -> None:
    response = await _answered(Response(LONG, media_type=media_type))
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(LONG)


@pytest.mark.parametrize(("file", "packed"), [(JSON_FILE, True), (CSV, True), (XLSX, False)])
async def test_a_stream_is_compressed_as_it_flows(file: Any, packed: bool) -> None:
    """Each part can be read before the next is made."""
    proceed = asyncio.Event()
    parts = [b"a" * 100, b"b" * 70_000, b"c" * 2_000_000]

    async def stream() -> Any:
        for part in parts:
            yield part
            await proceed.wait()
            proceed.clear()

    sent = asyncio.Queue[Message]()
    response = StreamingResponse(stream(), media_type=file.media_type)
    answering = asyncio.ensure_future(Compression(response)(SCOPE, _silence, sent.put))
    unpacked = zlib.decompressobj(wbits=31)
    read = b""
    assert (await sent.get())["type"] == "http.response.start"
    for number in range(len(parts)):
        message = await sent.get()
        assert message["more_body"]
        read += unpacked.decompress(message["body"]) if packed else message["body"]
        assert read == b"".join(parts[: number + 1])
        # A stream that breaks off here lacks the end of its gzip.
        assert not unpacked.eof
        proceed.set()
    last = (await sent.get())["body"]
    await answering
    assert unpacked.decompress(last) == b""
    assert unpacked.eof is packed


async def test_a_large_body_does_not_hold_the_event_loop() -> None:
    body = b"".join(b'{"number": %d}' % number for number in range(2_000_000))
    compression, packed = Compression(Response(body)), bytearray()

    async def send(message: Message) -> None:
        packed.extend(message.get("body", b""))

    async with occupied() as found:
        await compression(SCOPE, _silence, send)
    assert gzip.decompress(packed) == body
    assert found.longest < STRETCH_SECONDS


async def test_a_response_with_an_encoding_is_left_alone() -> None:
    packed = gzip.compress(LONG)
    response = await _answered(Response(packed, headers={"content-encoding": "gzip"}))
    assert response.content == LONG
    assert int(response.headers["content-length"]) == len(packed)


def test_a_server_compresses_files_and_answers_head_requests(
    tmp_path: Path, mongodb_uri: str
) -> None:
    """By HTTP itself, as httpx does not compare lengths."""
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
        "HEADCOUNT_ROLLUPS": "off",
        "HEADCOUNT_LOG_FORMAT": "json",
    }
    log = tmp_path / "log"
    with (
        running(tmp_path, "serve", log=str(log), **settings) as (_, url),
        closing(HTTPConnection(urlsplit(url).netloc)) as connection,
    ):

        def asked(path: str, method: str = "GET") -> tuple[Any, bytes]:
            headers = {"x-request-id": f"{method}-{path.rpartition('/')[2][:6]}"}
            connection.request(method, path, headers=HEADERS | GZIP | headers)
            response = connection.getresponse()
            return response, response.read()

        for path in ("/schema.graphql", "/metrics"):
            response, body = asked(path)
            assert response.headers["content-encoding"] == "gzip"
            assert int(response.headers["content-length"]) == len(body)
            head, nothing = asked(path, "HEAD")
            assert (head.status, nothing) == (200, b"")
            assert head.headers["vary"] == response.headers["vary"]
        _, schema = asked("/schema.graphql")
        for format, packed in (("json", True), ("csv", False), ("xlsx", False)):
            path = f"{EVENTS_DASHBOARD_ROUTE}?format={format}"
            response, body = asked(path)
            assert (response.headers["content-encoding"] == "gzip") is packed, format
            assert response.headers["transfer-encoding"] == "chunked"
            assert not packed or gzip.decompress(body).startswith(b'{"generated_at"')
            head, nothing = asked(path, "HEAD")
            assert (head.status, nothing) == (200, b"")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line, _) = [line for line in lines if line.get("request_id") == "GET-schema"]
    assert line["bytes"] == len(schema)
