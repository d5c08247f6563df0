"""Values as the texts that people read in sheets."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import repeat
from operator import is_
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
    iso = moment.isoformat(timespec="minutes")
    return f"{iso[8:10]}/{iso[5:7]}/{iso[:4]} {iso[11:]}"


def day_text(day: date) -> str:
    """`DD/MM/YYYY`."""
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def yes_no(flag: bool) -> str:
    """`Yes` or `No`."""
    return "Yes" if flag else "No"


def each(shown: Callable[[Any], str]) -> Callable[[Sequence[Any]], Sequence[str]]:
    """Shows the values of a column; what is None as an empty text.

    A value that all rows share, as tickets do their event's date, is shown once.
    """

    def column(values: Sequence[Any]) -> Sequence[str]:
        # Not those that are equal: 1 equals 1.0 and true.
        if all(map(is_, values, repeat(values[0]))):
            return ["" if values[0] is None else shown(values[0])] * len(values)
        return ["" if value is None else shown(value) for value in values]

    return column


def nested_text(value: Any) -> str:
    """A list or dict as JSON."""
    return orjson.dumps(value).decode()
