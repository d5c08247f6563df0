"""Windows: stretches of time."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Window:
    """A stretch of time by a document's `created_at`: the start is in, the end is not."""

    start: datetime
    end: datetime

    def part(self, start: datetime, end: datetime) -> "Window | None":
        """The part of it from `start` to `end`; None if there is none."""
        start, end = max(self.start, start), min(self.end, end)
        return Window(start, end) if start < end else None
