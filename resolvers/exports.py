"""Exports: which reports can be exported, with which filters, and who may export them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from auth.viewer import Role, Viewer
from errors import BadUserInput, Forbidden, ServiceUnavailable
from resolvers.arguments import object_id, text
from resolvers.tickets.report import Tickets


class ExportFormat(Enum):
    """The file format of an export."""

    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


class ExportReport(Enum):
    """The report that is exported."""

    EVENTS_DASHBOARD = "events-dashboard"
    TICKET_REPORT = "ticket-report"


@dataclass(frozen=True, slots=True)
class EventsDashboardExport:
    """The events with their KPIs, and the tickets of these events."""

    ROLES: ClassVar = (Role.ADMIN,)

    event_type: str | None = None
    active_only: bool = False

    @property
    def filters(self) -> Mapping[str, Any]:
        """Parameter name → value, encodable as JSON."""
        return {"event_type": self.event_type, "active_only": self.active_only}


@dataclass(frozen=True, slots=True)
class TicketReportExport:
    """The tickets of one event, with their owners."""

    ROLES: ClassVar = (Role.ADMIN, Role.ORGANIZER)

    event_id: str
    mobile_app_id: str
    tickets: Tickets = field(default_factory=Tickets)

    @property
    def filters(self) -> Mapping[str, Any]:
        """Parameter name → value, encodable as JSON; without the event's id."""
        return {
            "mobileAppId": self.mobile_app_id,
            "excludeDeleted": self.tickets.exclude_deleted,
            "lastUpdatedSince": _iso(self.tickets.last_updated_since),
            "lastUpdatedBefore": _iso(self.tickets.last_updated_before),
        }


Export: TypeAlias = EventsDashboardExport | TicketReportExport

_ARGUMENTS: Final = {
    ExportReport.EVENTS_DASHBOARD: ("eventType", "activeOnly"),
    ExportReport.TICKET_REPORT: (
        "eventId", "mobileAppId", "excludeDeleted", "lastUpdatedSince", "lastUpdatedBefore",
    ),
}  # fmt: skip


def export_of(
    report: ExportReport,
    *,
    event_type: str | None = None,
    active_only: bool = False,
    event_id: str | None = None,
    mobile_app_id: str | None = None,
    tickets: Tickets | None = None,
) -> Export:
    """The export that the arguments of `exportLink` describe.

    Raises `BadUserInput` for an invalid or missing argument, or one of the other report.
    """
    tickets = tickets or Tickets()
    arguments = {
        "eventType": event_type, "activeOnly": active_only, "eventId": event_id,
        "mobileAppId": mobile_app_id, "excludeDeleted": tickets.exclude_deleted,
        "lastUpdatedSince": tickets.last_updated_since,
        "lastUpdatedBefore": tickets.last_updated_before,
    }  # fmt: skip
    for name, value in arguments.items():
        if value and name not in _ARGUMENTS[report]:
            raise BadUserInput(f"Argument '{name}' does not apply to {report.name}: omit it.")
    if report is ExportReport.EVENTS_DASHBOARD:
        return EventsDashboardExport(event_type and text("eventType", event_type), active_only)
    if event_id is None or mobile_app_id is None:
        raise BadUserInput(f"Arguments 'eventId' and 'mobileAppId' are required for {report.name}.")
    key = object_id("eventId", event_id)
    return TicketReportExport(str(key), text("mobileAppId", mobile_app_id), tickets)


def permit(viewer: Viewer, export: Export) -> None:
    """Raises `Forbidden` unless the viewer's role may read the export."""
    if viewer.role not in export.ROLES:
        roles = " or ".join(role.name for role in export.ROLES)
        raise Forbidden(f"This export requires the role {roles}.")


@dataclass(frozen=True, slots=True)
class ExportLink:
    """A download link, valid without other credentials until it expires."""

    url: str
    filename: str
    expires_at: datetime


class ExportLinks(Protocol):
    """Makes download links. `exports.links` implements it."""

    def link(
        self, export: Export, format: ExportFormat, viewer: Viewer, now: datetime
    ) -> ExportLink: ...


def export_link(
    links: ExportLinks | None, export: Export, format: ExportFormat, viewer: Viewer, now: datetime
) -> ExportLink:
    """A download link; `links` is None on a server that can't sign.

    Raises `Forbidden` if the viewer may not read the export, `ServiceUnavailable` without `links`.
    """
    permit(viewer, export)
    if links is None:
        raise ServiceUnavailable(
            "This server can't sign links: HEADCOUNT_JWT_SECRET is not set. "
            "Download with a bearer token instead."
        )
    return links.link(export, format, viewer, now)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
