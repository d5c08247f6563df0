"""Windows: stretches of time."""

from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final


@dataclass(frozen=True)
class Window:
    """A stretch of time by a document's `created_at`: the start is in, the end is not."""

    start: datetime
    end: datetime

    def part(self, start: datetime, end: datetime) -> "Window | None":
        """The part of it from `start` to `end`; None if there is none."""
        start, end = max(self.start, start), min(self.end, end)
        return Window(start, end) if start < end else None


ALL_TIME: Final = Window(
    datetime(MINYEAR + 1, 1, 1, tzinfo=UTC), datetime(MAXYEAR, 1, 1, tzinfo=UTC)
)
"""The dates that any time zone can show."""
