"""Formats values as the texts of CSV files and spreadsheet cells."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import repeat
from operator import is_
from typing import Any

import orjson


def utc(time: datetime) -> datetime:
    """The time in UTC, naive. A naive `time` is already in UTC."""
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def local(time: datetime, zone: tzinfo) -> datetime:
    """The local time in a zone, naive; UTC if the local time exceeds the range of datetime."""
    time = utc(time)
    if zone is UTC:
        return time
    try:
        return zone.fromutc(time.replace(tzinfo=zone)).replace(tzinfo=None)
    except OverflowError:
        return time


def date_time_text(time: datetime) -> str:
    """`DD/MM/YYYY HH:MM`."""
    iso = time.isoformat(timespec="minutes")
    return f"{iso[8:10]}/{iso[5:7]}/{iso[:4]} {iso[11:]}"


def date_text(day: date) -> str:
    """`DD/MM/YYYY`."""
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def yes_no(flag: bool) -> str:
    """`Yes` or `No`."""
    return "Yes" if flag else "No"


def json_text(value: Any) -> str:
    """A list or dict as JSON."""
    return orjson.dumps(value).decode()


def column_of(format: Callable[[Any], str]) -> Callable[[Sequence[Any]], Sequence[str]]:
    """Makes a formatter of columns from a formatter of values; None becomes an empty text.

    A value that all rows share, as tickets share the date of their event, is formatted once.
    """

    def format_column(values: Sequence[Any]) -> Sequence[str]:
        # By identity: 1, 1.0 and True are equal, but have different texts.
        if all(map(is_, values, repeat(values[0]))):
            return ["" if values[0] is None else format(values[0])] * len(values)
        return ["" if value is None else format(value) for value in values]

    return format_column
