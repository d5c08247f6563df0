"""Exports as they are asked for: by whom, what of, and how many at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from auth.links import Links, is_link
from auth.scope import Scope as Seen
from auth.tokens import Verifier, bearer
from auth.viewer import Viewer
from errors import TooManyRequests, Unauthenticated
from exports.formats.writers import WRITERS
from exports.parameters import Parameters
from exports.reports.events_dashboard import events_dashboard
from exports.reports.report import Report
from exports.reports.ticket_report import ticket_report
from loaders.snapshot import snapshot
from resolvers.exports import (
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
from resolvers.tickets.report import Tickets

_WAIT_SECONDS: Final = 2.0
"""How long an export waits for others to end."""


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

    async def asked(self, request: Request, read: "Read") -> Asked:
        """What a request asks for; raises a `HeadcountError` where it may not have it."""
        parameters = Parameters(request.query_params.multi_items())
        export = read(parameters, request.path_params)
        format = parameters.choice("format", ExportFormat.XLSX)
        now = self._clock()
        viewer, at = await self._viewer(request, parameters.token, target(export, format), now)
        permit(viewer, export)
        parameters.check()
        return Asked(viewer, export, format, at)

    async def _viewer(
        self, request: Request, given: str | None, address: str, now: datetime
    ) -> tuple[Viewer, datetime]:
        if token := bearer(request.headers.get("authorization", "")):
            return await run_in_threadpool(self._verifier.viewer, token), now
        if (token := given or "") == "":
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
            async with report_of(
                asked.export, asked.viewer, self._clock(), seconds=self._seconds
            ) as report:
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
            "content-type": MEDIA_TYPES[suffix(asked.export, asked.format)],
            "content-disposition": f'attachment; filename="{name}"',
        }


@asynccontextmanager
async def report_of(
    export: Export, viewer: Viewer, now: datetime, *, seconds: float
) -> AsyncIterator[Report]:
    """The report of an export, of what the viewer may see; a read may take so many `seconds`.

    What can fail has failed before; raises a `HeadcountError`.
    """
    reads = await snapshot({"now": now}, seconds=seconds)
    opened: AbstractAsyncContextManager[Report]
    if isinstance(export, EventsDashboardExport):
        opened = events_dashboard(export, reads, now)
    else:
        opened = ticket_report(export, Seen.of(viewer), reads, now)
    async with opened as report:
        yield report


Read = Callable[[Parameters, Mapping[str, Any]], Export]


def events_dashboard_of(parameters: Parameters, _: Mapping[str, Any]) -> Export:
    return EventsDashboardExport(parameters.text("event_type"), parameters.flag("active_only"))


def ticket_report_of(parameters: Parameters, path: Mapping[str, Any]) -> Export:
    return TicketReportExport(
        event_id=parameters.object_id("eventId", path["eventId"]),
        mobile_app_id=parameters.text("mobileAppId", required=True) or "",
        tickets=Tickets(
            exclude_deleted=parameters.flag("excludeDeleted"),
            last_updated_since=parameters.moment("lastUpdatedSince"),
            last_updated_before=parameters.moment("lastUpdatedBefore"),
        ),
    )
