"""Downloads of exports: checks requests, limits concurrent exports, makes response headers."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import Final

import structlog
from starlette.requests import Request

from auth.audit import owners_read
from auth.links import LinkSigner, is_link
from auth.scope import Scope
from auth.tokens import Verifier, bearer
from auth.viewer import Viewer
from cubes.declared.tickets import TICKETS
from cubes.registry import DEFAULT_CATALOG, Catalog
from errors import ServiceUnavailable, SnapshotUnavailable, Unauthenticated
from exports.addresses import file_type, filename, target
from exports.parameters import Parameters, ParseExport
from exports.reports.events_dashboard import events_dashboard
from exports.reports.report import Report
from exports.reports.ticket_report import TicketReportFile, ticket_report
from exports.slots import ExportSlots
from loaders.rollup_reader import RollupReader
from loaders.snapshot import snapshot
from resolvers.exports import EventsDashboardExport, Export, ExportFormat, permit

_log = structlog.get_logger(__name__)

SNAPSHOT_HEADER: Final = "headcount-snapshot"
"""The header that says whether a file is of one snapshot: `yes` or `no`."""

_FORMATS: Final = {each.value: each for each in ExportFormat}
_PAUSES: Final = (0, 0.1, 0.5)
"""Seconds before the attempts to open a report whose collections may be being changed."""


@dataclass(frozen=True)
class ExportRequest:
    """An authorized request for an export. `at` is the time in the file's name.

    `caller` is what limits count by (`Viewer.caller`).
    """

    viewer: Viewer
    export: Export
    format: ExportFormat
    at: datetime
    caller: str


@dataclass(frozen=True)
class OpenReport:
    """A report whose first rows are read; `at_one_time` says that all is of one cluster time."""

    report: Report
    at_one_time: bool


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """The downloads of one process.

    `links_only`: a URL may contain a link token, but no bearer token. `slots` limits concurrent
    exports. `read_seconds` limits one read of the database. Without `rollups`, all is counted live.
    Without a `reachable` database, requests are refused once nothing else is wrong.
    """

    verifier: Verifier
    link_signer: LinkSigner | None
    zone: tzinfo
    links_only: bool
    slots: ExportSlots
    read_seconds: float
    clock: Callable[[], datetime]
    rollups: RollupReader | None = None
    catalog: Catalog = DEFAULT_CATALOG
    reachable: bool = True

    async def parse(self, request: Request, parse_export: ParseExport) -> ExportRequest:
        """The export that a request asks for; raises a `HeadcountError` if it is denied."""
        parameters = Parameters(request.query_params.multi_items())
        export = parse_export(parameters, request.path_params)
        format = parameters.choice("format", _FORMATS) or ExportFormat.XLSX
        now = self.clock()
        token = parameters.text("token")
        viewer, at = await self._viewer(request, token, target(export, format), now)
        permit(viewer, export)
        parameters.check()
        address = request.client.host if request.client else ""
        return ExportRequest(viewer, export, format, at, viewer.caller(address))

    async def _viewer(
        self, request: Request, url_token: str | None, url_target: str, now: datetime
    ) -> tuple[Viewer, datetime]:
        if token := bearer(request.headers.get("authorization", "")):
            return await self.verifier.viewer(token), now
        if not url_token:
            raise Unauthenticated(
                "The request has no token: send 'Authorization: Bearer <token>', or use exportLink."
            )
        if self.link_signer is not None and is_link(url_token):
            return self.link_signer.verify(url_token, url_target)
        if self.links_only:
            raise Unauthenticated(
                "This server accepts no bearer token in a URL: send it in the Authorization "
                "header, or use exportLink."
            )
        viewer = await self.verifier.viewer(url_token)
        _warn_of_bearer_token()
        return viewer, now

    @asynccontextmanager
    async def open(self, request: ExportRequest) -> AsyncIterator[OpenReport]:
        """The report of a request, as `open_report` does; raises `TooManyRequests`."""
        if not self.reachable:
            raise ServiceUnavailable("The database can't be reached.")
        async with (
            self.slots.held(request.caller),
            open_report(
                request.export,
                request.viewer,
                self.clock(),
                read_seconds=self.read_seconds,
                rollups=self.rollups,
                catalog=self.catalog,
            ) as opened,
        ):
            if not opened.at_one_time:
                _log.warning("an export is not of one snapshot", report=opened.report.title)
            try:
                yield opened
            finally:
                if isinstance(opened.report, TicketReportFile) and opened.report.rows:
                    event = str(opened.report.filters["eventId"])
                    owners_read(request.viewer, [event], opened.report.rows)

    def chunks(self, request: ExportRequest, report: Report) -> AsyncGenerator[bytes]:
        """The bytes of the file."""
        return file_type(request.export, request.format).writer(report, self.zone)

    def headers(self, request: ExportRequest, opened: OpenReport) -> Mapping[str, str]:
        """The headers of the response."""
        name = filename(request.export, request.format, request.at, self.zone)
        return {
            "content-type": file_type(request.export, request.format).media_type,
            "content-disposition": f'attachment; filename="{name}"',
            SNAPSHOT_HEADER: "yes" if opened.at_one_time else "no",
        }


@cache
def _warn_of_bearer_token() -> None:
    """Logs once a process that a URL had a bearer token."""
    _log.warning(
        "a bearer token is in the URL of an export, and so in histories and logs of proxies: "
        "use exportLink, and set HEADCOUNT_EXPORT_QUERY_TOKEN=signed"
    )


@asynccontextmanager
async def open_report(
    export: Export,
    viewer: Viewer,
    now: datetime,
    *,
    read_seconds: float,
    rollups: RollupReader | None = None,
    catalog: Catalog = DEFAULT_CATALOG,
) -> AsyncIterator[OpenReport]:
    """The report of an export, in the viewer's scope; one read may take `read_seconds`.

    The first rows are read at once, so most errors occur before a response begins. Numbers are read
    from `rollups` while their cells are fresh. Where MongoDB refuses snapshots, each read is of its
    own time. Raises a `HeadcountError`.
    """

    async def opening(
        stack: AsyncExitStack, cells: RollupReader | None, *, at_one_time: bool = True
    ) -> OpenReport:
        reads = await snapshot(
            {"now": now},
            seconds=read_seconds,
            at_one_time=at_one_time,
            rollups=cells,
            of=TICKETS if isinstance(export, EventsDashboardExport) else None,
            catalog=catalog,
        )
        report: AbstractAsyncContextManager[Report] = (
            events_dashboard(export, reads, now)
            if isinstance(export, EventsDashboardExport)
            else ticket_report(export, Scope.of(viewer), reads, now)
        )
        return OpenReport(await stack.enter_async_context(report), reads.at_one_time)

    async with AsyncExitStack() as stack:
        for pause in _PAUSES:
            # A keeper that starts creates missing collections. A later snapshot can be read.
            await asyncio.sleep(pause)
            with suppress(SnapshotUnavailable):
                opened = await opening(stack, rollups)
                break
        else:
            opened = await opening(stack, None, at_one_time=False)
        yield opened
