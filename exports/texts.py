"""Values as the texts that people read in sheets."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import orjson


def utc(moment: datetime) -> datetime:
    """A moment in UTC, without saying so; one without an offset is already."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def local(moment: datetime, zone: tzinfo) -> datetime:
    """A moment by the clocks of a zone; at the ends of the calendar by those of UTC."""
    moment = utc(moment)
    if zone is UTC:
        return moment
    try:
        return zone.fromutc(moment.replace(tzinfo=zone)).replace(tzinfo=None)
    except OverflowError:
        return moment


def moment_text(moment: datetime) -> str:
    """`DD/MM/YYYY HH:MM`."""
    return f"{day_text(moment)} {moment.hour:02}:{moment.minute:02}"


def day_text(day: date) -> str:
    """`DD/MM/YYYY`."""
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def yes_no(flag: bool) -> str:
    """`Yes` or `No`."""
    return "Yes" if flag else "No"


def once(shown: Callable[[Any], str]) -> Callable[[Any], str]:
    """Shows a value that comes again and again, as an event's date does, once."""
    last: Any = None
    made = ""

    def kept(value: Any) -> str:
        nonlocal last, made
        if value is not last:
            last, made = value, shown(value)
        return made

    return kept


def nested_text(value: Any) -> str:
    """A list or dict as JSON."""
    return orjson.dumps(value).decode()
