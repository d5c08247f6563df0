"""The scalars that the schema adds to GraphQL's own."""

from datetime import UTC, date, datetime

import strawberry
from bson import tz_util
from strawberry.types.scalar import ScalarDefinition

from resolvers.arguments import date_time


def iso(value: datetime) -> str:
    """A date and time as answers show it."""
    # The driver's UTC object is not Python's: converting it doubles the time.
    utc = value if value.tzinfo is tz_util.utc else value.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description=(
        "A date and time, ISO 8601 with offset. Answered in UTC with milliseconds: "
        "`2026-04-15T19:00:00.000+00:00`."
    ),
    serialize=iso,
    parse_value=date_time,
)

DATE: ScalarDefinition = strawberry.scalar(
    name="Date",
    description="A calendar day, `2026-04-15`.",
    serialize=date.isoformat,
    parse_value=date.fromisoformat,
)
