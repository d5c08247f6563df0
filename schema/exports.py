"""`exportLink`: files are downloads; this is where they are."""

from datetime import datetime

import strawberry

from resolvers.exports import ExportFormat, ExportReport
from schema.enums import described

described(
    ExportReport,
    "What a file can show.",
    {
        "EVENTS_DASHBOARD": "Events with their KPIs, and their tickets.",
        "TICKET_REPORT": "The tickets of an event, with their owners.",
    },
)

described(
    ExportFormat,
    "What a file can be.",
    {
        "XLSX": "A workbook.",
        "CSV": "A file of comma-separated values for each sheet; several are in a zip.",
        "JSON": "One JSON object.",
    },
)


@strawberry.type(description="A link to a file, which is made while it is downloaded.")
class ExportLink:
    url: str = strawberry.field(description="Where the file is, with a token of its own.")
    filename: str = strawberry.field(description="The file's name.")
    expires_at: datetime = strawberry.field(description="Until when the link works.")
