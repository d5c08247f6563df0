"""The journal: what a run did, as timed lines in a file, and counts of each kind."""

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LINES: Final = 200
"""How many of the last lines a report of a difference shows."""


class Journal:
    """Counts and lines of one run; safe for threads."""

    def __init__(self, folder: Path, *, printing: bool) -> None:
        self._file = (folder / "journal.log").open("a")
        self._printing = printing
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._last = deque[str](maxlen=LINES)
        self.step = 0
        self.counts: Counter[str] = Counter()

    def line(self, text: str, *, shown: bool = False) -> None:
        """Writes a line to the file, and to standard output if it is to be shown."""
        line = f"{time.monotonic() - self._began:9.3f} s  step {self.step}  {text}"
        with self._lock:
            self._last.append(line)
            self._file.write(f"{line}\n")
            self._file.flush()
        if shown:
            self.show(line)

    def show(self, text: str) -> None:
        """Writes text to standard output, if the run prints."""
        if self._printing:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def count(self, kind: str, number: int = 1) -> None:
        """Counts something that was done or answered."""
        with self._lock:
            self.counts[kind] += number

    @contextmanager
    def timed(self, text: str) -> Iterator[None]:
        """Writes a line when something begins, and another with its duration when it ends."""
        began = time.monotonic()
        self.line(text, shown=True)
        yield
        self.line(f"{text}: done in {time.monotonic() - began:.1f} s")

    def last(self) -> Sequence[str]:
        """The last lines, the oldest first."""
        with self._lock:
            return [*self._last]

    def summary(self) -> str:
        """All counts, a line each."""
        with self._lock:
            return "\n".join(f"{number:9,} {kind}" for kind, number in sorted(self.counts.items()))
