"""What can be exported: each report's filters, its address and the name of its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum
from typing import Any, ClassVar, Final, TypeAlias
from urllib.parse import quote, urlencode

from auth.viewer import Role, Viewer
from errors import BadUserInput, Forbidden
from resolvers.arguments import object_id, text
from resolvers.tickets.report import Tickets


class ExportFormat(Enum):
    """What a file can be."""

    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


class ExportReport(Enum):
    """What a file can show."""

    EVENTS_DASHBOARD = "events-dashboard"
    TICKET_REPORT = "ticket-report"


@dataclass(frozen=True, slots=True)
class EventsDashboardExport:
    """Events with their KPIs, and their tickets."""

    NAME: ClassVar = "events_dashboard"
    ROUTE: ClassVar = "/api/v1/admin/events-dashboard/events/export"
    ROLES: ClassVar = (Role.ADMIN,)
    # Two sheets are two files.
    CSV_SUFFIX: ClassVar = "zip"

    event_type: str | None = None
    active_only: bool = False

    @property
    def path(self) -> str:
        return self.ROUTE

    @property
    def filters(self) -> Mapping[str, Any]:
        """Parameter → value, as JSON has it."""
        return {"event_type": self.event_type, "active_only": self.active_only}


@dataclass(frozen=True, slots=True)
class TicketReportExport:
    """The tickets of an event, with their owners."""

    NAME: ClassVar = "ticket_report"
    ROUTE: ClassVar = "/api/v1/organizer/report/events/{eventId}/tickets/export"
    ROLES: ClassVar = (Role.ADMIN, Role.ORGANIZER)
    CSV_SUFFIX: ClassVar = "csv"

    event_id: str
    mobile_app_id: str
    tickets: Tickets = field(default_factory=Tickets)

    @property
    def path(self) -> str:
        return self.ROUTE.replace("{eventId}", quote(self.event_id, safe=""))

    @property
    def filters(self) -> Mapping[str, Any]:
        """Parameter → value, as JSON has it."""
        return {
            "mobileAppId": self.mobile_app_id,
            "excludeDeleted": self.tickets.exclude_deleted,
            "lastUpdatedSince": _iso(self.tickets.last_updated_since),
            "lastUpdatedBefore": _iso(self.tickets.last_updated_before),
        }


Export: TypeAlias = EventsDashboardExport | TicketReportExport

_ONLY: Final = {
    ExportReport.EVENTS_DASHBOARD: ("eventType", "activeOnly"),
    ExportReport.TICKET_REPORT: (
        "eventId", "mobileAppId", "excludeDeleted", "lastUpdatedSince", "lastUpdatedBefore",
    ),
}  # fmt: skip

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json; charset=utf-8",
}
"""Suffix of a file's name → its media type."""


def export_of(
    report: ExportReport,
    *,
    event_type: str | None = None,
    active_only: bool = False,
    event_id: str | None = None,
    mobile_app_id: str | None = None,
    tickets: Tickets | None = None,
) -> Export:
    """What the arguments of `exportLink` ask for.

    Raises `BadUserInput` for one that is wrong, missing, or of the other report.
    """
    tickets = tickets or Tickets()
    given = {
        "eventType": event_type, "activeOnly": active_only, "eventId": event_id,
        "mobileAppId": mobile_app_id, "excludeDeleted": tickets.exclude_deleted,
        "lastUpdatedSince": tickets.last_updated_since,
        "lastUpdatedBefore": tickets.last_updated_before,
    }  # fmt: skip
    for name, value in given.items():
        if value and name not in _ONLY[report]:
            raise BadUserInput(f"Argument '{name}' is of the other report, not of {report.name}.")
    if report is ExportReport.EVENTS_DASHBOARD:
        return EventsDashboardExport(event_type and text("eventType", event_type), active_only)
    if event_id is None or mobile_app_id is None:
        raise BadUserInput(f"Arguments 'eventId' and 'mobileAppId' are needed for {report.name}.")
    key = object_id("eventId", event_id)
    return TicketReportExport(str(key), text("mobileAppId", mobile_app_id), tickets)


def suffix(export: Export, format: ExportFormat) -> str:
    """The end of the file's name, without the dot."""
    return export.CSV_SUFFIX if format is ExportFormat.CSV else format.value


def filename(export: Export, format: ExportFormat, at: datetime, zone: tzinfo) -> str:
    """The file's name: `events_dashboard_YYYYMMDD_HHMM.xlsx`, by the clocks of a zone."""
    return f"{export.NAME}_{at.astimezone(zone):%Y%m%d_%H%M}.{suffix(export, format)}"


def target(export: Export, format: ExportFormat) -> str:
    """The address of an export without its token: the same for the same export."""
    given = {"format": format.value}
    for name, value in export.filters.items():
        if value is not None and value is not False:
            given[name] = "true" if value is True else str(value)
    return f"{export.path}?{urlencode(given)}"


def permit(viewer: Viewer, export: Export) -> None:
    """Raises `Forbidden` unless the viewer may have such an export."""
    if viewer.role not in export.ROLES:
        roles = " or ".join(role.name for role in export.ROLES)
        raise Forbidden(f"This export can only be read by the role {roles}.")


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
