"""Calendar days of a time zone: the stretches of a window that each day is."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from cubes.window import Window
from errors import BadUserInput, quoted

_ZONES: Final = files("tzdata")
_NAMES: Final = frozenset((_ZONES / "zones").read_text(encoding="utf-8").split())
_MILLISECOND: Final = timedelta(milliseconds=1)
# No zone changed its clocks twice within an hour.
_STEP: Final = timedelta(hours=1)


@lru_cache(maxsize=len(_NAMES))
def _zone(name: str) -> tzinfo:
    # `ZoneInfo(name)` prefers the machine's data, of an unknown year, to the pinned tzdata.
    with (_ZONES / "zoneinfo" / name).open("rb") as stored:
        return ZoneInfo.from_file(stored, key=name)


def time_zone(name: str, value: str) -> tzinfo:
    """The time zone of that IANA name, for argument `name`; raises `BadUserInput`."""
    if value not in _NAMES:
        raise BadUserInput(
            f"Argument '{name}' must be an IANA time zone, as 'America/Bogota' or 'UTC'; "
            f"it is {quoted(value)}."
        )
    return _zone(value)


def days(window: Window, zone: tzinfo) -> Mapping[date, list[Window]]:
    """The local dates of a window, ascending, each with its stretches of the window.

    A date is one stretch, of 23 to 25 hours if clocks change. It is several stretches if clocks
    went back over midnight. A date that the zone skipped is left out.
    """
    stretches: dict[date, list[Window]] = {}
    start, offset = window.start, _offset(window.start, zone)
    for end in [*_changes(window, zone), window.end]:
        while start < end:
            # While the offset stays, local time runs like UTC.
            local = (start + offset).replace(tzinfo=UTC)
            midnight = datetime.combine(local.date() + timedelta(days=1), time(), UTC) - offset
            until = min(midnight, end)
            stretches.setdefault(local.date(), []).append(Window(start, until))
            start = until
        offset = _offset(start, zone)
    return dict(sorted(stretches.items()))


def _changes(window: Window, zone: tzinfo) -> Iterator[datetime]:
    """The times in a window at which the zone's offset changes."""
    before = window.start
    while before < window.end:
        after = min(before + _STEP, window.end)
        if _offset(before, zone) != _offset(after, zone):
            low, high = before, after
            while high - low > _MILLISECOND:
                middle = low + (high - low) // _MILLISECOND // 2 * _MILLISECOND
                low, high = (
                    (middle, high)
                    if _offset(middle, zone) == _offset(before, zone)
                    else (low, middle)
                )
            yield high
        before = after


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).replace(tzinfo=UTC) - at
