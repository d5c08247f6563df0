"""The paths of exports, in OpenAPI's terms."""

from collections.abc import Mapping
from typing import Any, Final

from exports.addresses import EVENTS_DASHBOARD_ROUTE, TICKET_REPORT_ROUTE
from rest.openapi_parameters import FLAG, OBJECT_ID, TEXT, TIME, parameter

_FLAG: Final = {**FLAG, "default": False}
_FORMAT: Final = {"type": "string", "enum": ["xlsx", "csv", "json"], "default": "xlsx"}
_FILE: Final = {"schema": {"type": "string", "format": "binary"}}
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _export(
    name: str, summary: str, readers: str, csv: str, parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "description": f"For {readers}. HTTP/1.1 only.",
            "tags": ["Exports"],
            "security": [{"bearer": []}, {"token": []}],
            "parameters": [
                *parameters,
                parameter("format", "The file's format.", _FORMAT, required=False),
            ],
            "responses": {
                "200": {
                    "description": "The file.",
                    "content": {
                        _XLSX: _FILE,
                        csv: _FILE,
                        "application/json; charset=utf-8": {"schema": {"type": "object"}},
                    },
                },
                **{
                    status: {"$ref": f"#/components/responses/{status}"}
                    for status in ("401", "403", "404", "422", "426", "429", "503")
                },
            },
        }
    }


EXPORTS: Final[Mapping[str, Any]] = {
    EVENTS_DASHBOARD_ROUTE: _export(
        "EventsDashboardExport",
        "The events with their numbers, and their tickets, as a file.",
        "ADMIN",
        "application/zip",
        [
            parameter("event_type", "Only events of this type.", TEXT, required=False),
            parameter("active_only", "Only active events.", _FLAG, required=False),
        ],
    ),
    TICKET_REPORT_ROUTE: _export(
        "TicketReportExport",
        "All tickets of one event, each with its owner, as a file.",
        "ADMIN, ORGANIZER",
        "text/csv; charset=utf-8",
        [
            parameter("eventId", "The event's ObjectId.", OBJECT_ID, place="path", required=True),
            parameter("mobileAppId", "The event's application.", TEXT, required=True),
            parameter("excludeDeleted", "Leaves out deleted tickets.", _FLAG, required=False),
            parameter("lastUpdatedSince", "Tickets updated then or later.", TIME, required=False),
            parameter("lastUpdatedBefore", "Tickets updated before.", TIME, required=False),
        ],
    ),
}
"""Path → its operations."""
