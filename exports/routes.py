"""The routes of exports: who asks for what, and the bytes as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from auth.links import Links, is_link
from auth.scope import Scope as Seen
from auth.tokens import Verifier
from auth.viewer import Viewer
from errors import (
    HeadcountError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
    UpgradeRequired,
)
from exports.events_dashboard import events_dashboard
from exports.formats import WRITERS
from exports.parameters import BadParameters, Parameters
from exports.report import Report
from exports.ticket_report import ticket_report
from loaders.snapshot import Snapshot, snapshot
from resolvers.export_requests import (
    MEDIA_TYPES,
    EventsDashboardExport,
    Export,
    ExportFormat,
    TicketReportExport,
    filename,
    permit,
    suffix,
    target,
)
from resolvers.ticket_report import Tickets

_log = structlog.get_logger(__name__)

_WAIT_SECONDS: Final = 2.0
"""How long an export waits for others to end."""

_STALLED_SECONDS: Final = 60.0
"""How long a client may take for a piece of a file."""

_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Asked:
    """Who asks for which file; `at` is the moment that the file is named after."""

    viewer: Viewer
    export: Export
    format: ExportFormat
    at: datetime


class Exports:
    """Exports of one server; `at_once` of them run at the same time, further ones wait a little."""

    def __init__(
        self,
        verifier: Verifier,
        links: Links | None,
        *,
        zone: tzinfo,
        links_only: bool,
        at_once: int,
        seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        """`links_only`: an address may hold no other token; a read may take so many `seconds`."""
        self._verifier = verifier
        self._links = links
        self._zone = zone
        self._links_only = links_only
        self._slots = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self._clock = clock

    @property
    def routes(self) -> list[Route]:
        """The routes of all reports."""
        return [
            Route(EventsDashboardExport.ROUTE, _Download(self, _events_dashboard), methods=["GET"]),
            Route(TicketReportExport.ROUTE, _Download(self, _ticket_report), methods=["GET"]),
        ]

    async def asked(self, request: Request, read: "_Read") -> Asked:
        """What a request asks for; raises a `HeadcountError` where it may not have it."""
        parameters = Parameters(request.query_params.multi_items())
        export = read(parameters, request.path_params)
        format = parameters.choice("format", ExportFormat.XLSX)
        now = self._clock()
        viewer, at = await self._viewer(request, target(export, format), now)
        permit(viewer, export)
        parameters.check()
        return Asked(viewer, export, format, at)

    async def _viewer(
        self, request: Request, address: str, now: datetime
    ) -> tuple[Viewer, datetime]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return await run_in_threadpool(self._verifier.viewer, token.strip()), now
        token = request.query_params.get("token", "")
        if not token:
            raise Unauthenticated(
                "A token is needed: send 'Authorization: Bearer <token>', or a link of exportLink."
            )
        if self._links is not None and is_link(token):
            return self._links.read(token, address)
        if self._links_only:
            raise Unauthenticated("In an address only links of exportLink are accepted here.")
        return await run_in_threadpool(self._verifier.viewer, token), now

    @asynccontextmanager
    async def opened(self, asked: Asked) -> AsyncIterator[Report]:
        """The report, read so far that what can fail has failed before."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise TooManyRequests(
                "As many exports are running as may at once; try again shortly."
            ) from error
        try:
            now = self._clock()
            async with (
                snapshot({"now": now}, seconds=self._seconds) as reads,
                report_of(asked.export, asked.viewer, reads, now) as report,
            ):
                yield report
        finally:
            self._slots.release()

    def chunks(self, asked: Asked, report: Report) -> AsyncGenerator[bytes]:
        """The file's bytes."""
        return WRITERS[suffix(asked.export, asked.format)](report, self._zone)

    def headers(self, asked: Asked) -> Mapping[str, str]:
        """The response's headers."""
        name = filename(asked.export, asked.format, asked.at, self._zone)
        return {
            **_HEADERS,
            "content-type": MEDIA_TYPES[suffix(asked.export, asked.format)],
            "content-disposition": f'attachment; filename="{name}"',
        }


def report_of(
    export: Export, viewer: Viewer, reads: Snapshot, now: datetime
) -> AbstractAsyncContextManager[Report]:
    """The report of an export, of what the viewer may see."""
    if isinstance(export, EventsDashboardExport):
        return events_dashboard(export, reads, now)
    return ticket_report(export, Seen.of(viewer), reads, now)


_Read = Callable[[Parameters, Mapping[str, Any]], Export]


def _events_dashboard(parameters: Parameters, _: Mapping[str, Any]) -> Export:
    return EventsDashboardExport(parameters.text("event_type"), parameters.flag("active_only"))


def _ticket_report(parameters: Parameters, path: Mapping[str, Any]) -> Export:
    return TicketReportExport(
        event_id=parameters.object_id("eventId", path["eventId"]),
        mobile_app_id=parameters.text("mobileAppId", required=True) or "",
        tickets=Tickets(
            exclude_deleted=parameters.flag("excludeDeleted"),
            last_updated_since=parameters.moment("lastUpdatedSince"),
            last_updated_before=parameters.moment("lastUpdatedBefore"),
        ),
    )


class _Download:
    """The ASGI application of a route.

    Once the first bytes are sent, whatever fails breaks the transfer off: nobody is to take half a
    file for a whole one.
    """

    def __init__(self, exports: Exports, read: _Read) -> None:
        self._exports = exports
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = False
        try:
            await request.body()
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
            _log.warning("an export broke off", reason="Its client reads nothing.")
        except Exception:
            if not started:
                raise
            _log.exception("an export broke off")


def _require_an_end(scope: Scope) -> None:
    """Raises `UpgradeRequired` where half a file could be taken for a whole one.

    In HTTP/1.0 the end of the connection is that of the file.
    """
    if scope["http_version"] == "1.0":
        raise UpgradeRequired(
            "Files are not sent over HTTP/1.0, which can't tell half a file from a whole one: use "
            "HTTP/1.1. A proxy may have to be told so."
        )


async def _begin(send: Send, headers: Mapping[str, str]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})


async def _send(send: Send, chunk: bytes) -> None:
    # Whoever stops reading would keep others from their exports.
    async with asyncio.timeout(_STALLED_SECONDS):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _refusal(error: HeadcountError) -> JSONResponse:
    errors: list[dict[str, Any]] = [{"message": str(error), "extensions": {"code": error.code}}]
    if isinstance(error, BadParameters):
        errors = [
            {"message": message, "extensions": {"code": error.code, "argument": name}}
            for name, message in error.complaints.items()
        ]
    response = JSONResponse({"errors": errors}, status_code=error.status, headers=_HEADERS)
    if isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = "Bearer"
    if isinstance(error, UpgradeRequired):
        response.headers["upgrade"] = "HTTP/1.1"
        response.headers["connection"] = "upgrade"
    if isinstance(error, ServiceUnavailable | TooManyRequests):
        response.headers["retry-after"] = "5"
    return response
