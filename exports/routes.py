"""The routes of exports: streams files, and turns errors into responses."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from errors import REASON, HeadcountError, UpgradeRequired
from exports.addresses import EVENTS_DASHBOARD_ROUTE, TICKET_REPORT_ROUTE
from exports.downloads import Downloads
from exports.error_pages import error_page, is_navigation
from exports.errors import error_response, errors_of
from exports.formats.zip_stream import CHUNK
from exports.parameters import (
    ParseExport,
    parse_events_dashboard,
    parse_ticket_report,
)

_log = structlog.get_logger(__name__)

_STALLED_SECONDS: Final = 60.0
"""How long a client may take to receive `CHUNK` bytes."""


def routes(downloads: Downloads) -> list[Route]:
    """The routes of all exports."""
    parsers: Mapping[str, ParseExport] = {
        EVENTS_DASHBOARD_ROUTE: parse_events_dashboard,
        TICKET_REPORT_ROUTE: parse_ticket_report,
    }
    return [
        Route(path + slash, _Download(downloads, parser), methods=["GET"])
        for path, parser in parsers.items()
        for slash in ("", "/")
    ]


class _Download:
    """The ASGI application of a route.

    An error after the response has begun leaves the body without its end, so that clients detect
    the truncated file.
    """

    def __init__(self, downloads: Downloads, parse_export: ParseExport) -> None:
        self._downloads = downloads
        self._parse_export = parse_export

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = False
        try:
            export_request = await self._downloads.parse(request, self._parse_export)
            async for _ in request.stream():
                # A body is read, as HTTP demands, and discarded.
                pass
            _require_chunked_transfer(scope)
            async with (
                self._downloads.open(export_request) as opened,
                aclosing(self._downloads.chunks(export_request, opened.report)) as chunks,
            ):
                first = await anext(chunks)
                started = True
                await _begin(send, self._downloads.headers(export_request, opened))
                if request.method != "HEAD":
                    await _send(send, first)
                    async for chunk in chunks:
                        await _send(send, chunk)
                await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            return
        except HeadcountError as error:
            if not started:
                scope[REASON] = error.reason
                await _error_response(request, error)(scope, receive, send)
                return
            _log.error("export failed during the transfer", reason=str(error))
        except asyncio.CancelledError:
            if started:
                _log.info("export cancelled: the client disconnected or the server is stopping")
            raise
        except TimeoutError:
            if not started:
                raise
            reason = f"The client received less than {CHUNK} bytes in {_STALLED_SECONDS:g} s."
            _log.warning("export failed during the transfer", reason=reason)
        except Exception:
            if not started:
                raise
            _log.exception("export failed during the transfer")


def _require_chunked_transfer(scope: Scope) -> None:
    """Raises `UpgradeRequired` for HTTP/1.0.

    There the end of the connection ends the body: a truncated file looks complete.
    """
    if scope["http_version"] in ("0.9", "1.0"):
        raise UpgradeRequired(
            "Exports need HTTP/1.1, as HTTP/1.0 clients can't detect a truncated file. "
            "If a proxy sent this request, configure it to use HTTP/1.1."
        )


async def _begin(send: Send, headers: Mapping[str, str]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})


async def _send(send: Send, chunk: bytes) -> None:
    for start in range(0, len(chunk), CHUNK):
        # A client that stops reading must not occupy a slot forever.
        async with asyncio.timeout(_STALLED_SECONDS):
            piece = chunk[start : start + CHUNK]
            await send({"type": "http.response.body", "body": piece, "more_body": True})


def _error_response(request: Request, error: HeadcountError) -> Response:
    if not is_navigation(request):
        return error_response(error)
    page = error_page([each["message"] for each in errors_of(error)], error.status)
    page.headers.update(error.headers)
    return page
