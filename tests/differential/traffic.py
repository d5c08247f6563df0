"""The traffic: threads that write at random, and can be paused."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from tests.differential.journal import Journal


class _Writer(threading.Thread):
    """Calls `write` again and again while the traffic is not paused."""

    def __init__(
        self, name: str, write: Callable[[], str], chance: Random, traffic: "Traffic"
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._write_once = write
        self._chance = chance
        self._traffic = traffic
        # Held during a write: who holds it while the traffic is paused knows that none is running.
        self.writing = threading.Lock()

    def run(self) -> None:
        traffic = self._traffic
        while not traffic.ended.wait(self._chance.uniform(0, 2 * traffic.pause_seconds)):
            traffic.running.wait(0.1)
            with self.writing:
                if traffic.running.is_set():
                    self._write()

    def _write(self) -> None:
        journal = self._traffic.journal
        try:
            kind = self._write_once()
        except PyMongoError as error:
            # Conflicts are wanted, and a member may be killed during a write.
            journal.count(f"writes that failed: {_reason(error)}")
        except Exception as error:
            self._traffic.failure = error
        else:
            journal.count(f"writes: {kind}")


class Traffic:
    """Several writers; paused at first."""

    def __init__(self, journal: Journal, writes: dict[str, Callable[[], str]], seed: str) -> None:
        self.journal = journal
        self.running = threading.Event()
        self.ended = threading.Event()
        self.pause_seconds = 0.01
        self.failure: Exception | None = None
        self._writers = [
            _Writer(name, write, Random(f"{seed}/{name}/pauses"), self)
            for name, write in writes.items()
        ]
        for writer in self._writers:
            writer.start()

    def resume(self) -> None:
        """Lets the writers write."""
        self.running.set()

    def pause(self) -> None:
        """Returns when no write is running; raises what a writer could not do at all."""
        self.running.clear()
        for writer in self._writers:
            with writer.writing:
                pass
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No writes within the block."""
        was_running = self.running.is_set()
        self.pause()
        yield
        if was_running:
            self.resume()

    def end(self) -> None:
        """Ends the writers."""
        self.pause()
        self.ended.set()
        for writer in self._writers:
            writer.join()


def _reason(error: PyMongoError) -> str:
    if isinstance(error, DuplicateKeyError):
        return "the _id exists"
    if isinstance(error, BulkWriteError):
        codes = {each["code"] for each in (error.details or {}).get("writeErrors", ())}
        return f"bulk, codes {sorted(codes)}"
    if isinstance(error, OperationFailure):
        return f"{(error.details or {}).get('codeName', error.code)}"
    return type(error).__name__
