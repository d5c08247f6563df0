"""Values as the texts that people read in sheets."""

from datetime import date, datetime, tzinfo
from typing import Any

import orjson


def local(moment: datetime, zone: tzinfo) -> datetime:
    """A moment by the clocks of a zone; at the ends of the calendar by its own."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def moment_text(moment: datetime) -> str:
    """`DD/MM/YYYY HH:MM`, by the moment's own clock."""
    return f"{day_text(moment)} {moment.hour:02}:{moment.minute:02}"


def day_text(day: date) -> str:
    """`DD/MM/YYYY`."""
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def yes_no(flag: bool) -> str:
    """`Yes` or `No`."""
    return "Yes" if flag else "No"


def nested_text(value: Any) -> str:
    """A list or dict as JSON."""
    return orjson.dumps(value).decode()
