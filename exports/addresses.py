"""The HTTP addresses of exports: routes, URL targets, file types and file names."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import quote, urlencode

from exports.formats.file_types import CSV, CSV_ZIP, JSON, XLSX, FileType
from resolvers.exports import Export, ExportFormat, TicketReportExport

EVENTS_DASHBOARD_ROUTE: Final = "/api/v1/admin/events-dashboard/events/export"
TICKET_REPORT_ROUTE: Final = "/api/v1/organizer/report/events/{eventId}/tickets/export"

_FILE_TYPES: Final[Mapping[ExportFormat, FileType]] = {
    ExportFormat.XLSX: XLSX,
    ExportFormat.CSV: CSV,
    ExportFormat.JSON: JSON,
}


def target(export: Export, format: ExportFormat) -> str:
    """Path and query of an export's URL, without a token. Equal exports have equal targets."""
    path = EVENTS_DASHBOARD_ROUTE
    if isinstance(export, TicketReportExport):
        path = TICKET_REPORT_ROUTE.replace("{eventId}", quote(export.event_id, safe=""))
    parameters = {"format": format.value}
    for name, value in export.filters.items():
        if value is not None and value is not False:
            parameters[name] = "true" if value is True else str(value)
    return f"{path}?{urlencode(parameters)}"


def file_type(export: Export, format: ExportFormat) -> FileType:
    """The file type of an export."""
    # The events dashboard has two sheets, and a CSV file holds one.
    if format is ExportFormat.CSV and not isinstance(export, TicketReportExport):
        return CSV_ZIP
    return _FILE_TYPES[format]


def filename(export: Export, format: ExportFormat, at: datetime, zone: tzinfo) -> str:
    """The file's name, as `events_dashboard_20260415_1900.xlsx`; the time is in `zone`."""
    report = "ticket_report" if isinstance(export, TicketReportExport) else "events_dashboard"
    return f"{report}_{at.astimezone(zone):%Y%m%d_%H%M}.{file_type(export, format).suffix}"
