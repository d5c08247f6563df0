"""The routes of exports: the bytes as they come, and what is said instead."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from errors import HeadcountError, UpgradeRequired
from exports.downloads import Exports, Read, events_dashboard_of, ticket_report_of
from exports.formats.zip_stream import CHUNK
from exports.parameters import BadParameters
from resolvers.exports import EventsDashboardExport, TicketReportExport

_log = structlog.get_logger(__name__)

_STALLED_SECONDS: Final = 60.0
"""How long a client may take for `CHUNK` bytes of a file."""


def routes(exports: Exports) -> list[Route]:
    """The routes of all reports."""
    reads: Mapping[str, Read] = {
        EventsDashboardExport.ROUTE: events_dashboard_of,
        TicketReportExport.ROUTE: ticket_report_of,
    }
    return [Route(path, _Download(exports, read), methods=["GET"]) for path, read in reads.items()]


class _Download:
    """The ASGI application of a route.

    Once the first bytes are sent, whatever fails breaks the transfer off: nobody is to take half a
    file for a whole one.
    """

    def __init__(self, exports: Exports, read: Read) -> None:
        self._exports = exports
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = False
        try:
            async for _ in request.stream():
                # Nobody sends anything with these requests; if somebody does, it is not kept.
                pass
            asked = await self._exports.asked(request, self._read)
            _require_an_end(scope)
            async with (
                self._exports.opened(asked) as report,
                aclosing(self._exports.chunks(asked, report)) as chunks,
            ):
                first = await anext(chunks)
                started = True
                await _begin(send, self._exports.headers(asked))
                if request.method != "HEAD":
                    await _send(send, first)
                    async for chunk in chunks:
                        await _send(send, chunk)
                await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            return
        except HeadcountError as error:
            if not started:
                await _refusal(error)(scope, receive, send)
                return
            _log.error("an export broke off", reason=str(error))
        except asyncio.CancelledError:
            if started:
                _log.info("an export was broken off: its client left, or the server ends")
            raise
        except TimeoutError:
            if not started:
                raise
            _log.warning("an export broke off", reason="Its client reads next to nothing.")
        except Exception:
            if not started:
                raise
            _log.exception("an export broke off")


def _require_an_end(scope: Scope) -> None:
    """Raises `UpgradeRequired` where half a file could be taken for a whole one.

    In HTTP/1.0 the end of the connection is that of the file.
    """
    if scope["http_version"] in ("0.9", "1.0"):
        raise UpgradeRequired(
            "Files are not sent over HTTP/1.0, which can't tell half a file from a whole one: use "
            "HTTP/1.1. A proxy may have to be told so."
        )


async def _begin(send: Send, headers: Mapping[str, str]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})


async def _send(send: Send, chunk: bytes) -> None:
    for start in range(0, len(chunk), CHUNK):
        # Whoever stops reading would keep others from their exports.
        async with asyncio.timeout(_STALLED_SECONDS):
            piece = chunk[start : start + CHUNK]
            await send({"type": "http.response.body", "body": piece, "more_body": True})


def _refusal(error: HeadcountError) -> JSONResponse:
    errors: list[dict[str, Any]] = [{"message": str(error), "extensions": {"code": error.code}}]
    if isinstance(error, BadParameters):
        errors = [
            {"message": message, "extensions": {"code": error.code, "argument": name}}
            for name, message in error.complaints.items()
        ]
    return JSONResponse({"errors": errors}, status_code=error.status, headers=error.headers)
