"""The stop of a server process: signals, the drain before the stop, and the last timer."""

import asyncio
import faulthandler
import math
import signal
import time
from types import FrameType
from typing import Any, Final

import structlog

_log = structlog.get_logger(__name__)

SKIP_DRAIN: Final = signal.SIGUSR1
"""Tells a worker process not to drain: to stop at once, or with its next SIGTERM."""

CLEANUP_FAILURE: Final = 1
"""The exit code of a process that the last timer has ended."""
CLEANUP_SECONDS: Final = 30
"""How long the steps after the last request may take: the driver's, the keepers', mongod's.

The driver's lock can be left locked by tasks that are cancelled while MongoDB is away; then its
client never closes.
"""

_deadline = math.inf


def grace_seconds(request_timeout: float) -> int:
    """How long requests and downloads may go on after the server has stopped accepting."""
    return math.ceil(request_timeout)


def end_within(seconds: float) -> None:
    """Ends this process with `CLEANUP_FAILURE` after some seconds, whatever its threads do then.

    First it prints the stack of each thread. A later call can only shorten the time.
    """
    global _deadline
    deadline = time.monotonic() + seconds
    if deadline < _deadline:
        _deadline = deadline
        faulthandler.dump_traceback_later(seconds, exit=True)


def limit_of_stop(drain_seconds: float, request_timeout: float) -> float:
    """The longest time from the first signal to the end of a worker process."""
    return drain_seconds + grace_seconds(request_timeout) + CLEANUP_SECONDS


class Stopping:
    """Stops a worker process: after a drain for SIGTERM, at once for SIGINT.

    During the drain, `draining` is true, and the process goes on accepting connections. A second
    SIGINT ends requests in flight.
    """

    def __init__(self, drain_seconds: float, request_timeout: float) -> None:
        self.draining = False
        self._drain_seconds = drain_seconds
        self._limit = limit_of_stop(drain_seconds, request_timeout)
        self._stopping = False
        self._stop_server: Any = None

    def listen(self) -> None:
        """Takes over the signals from uvicorn, whose handler becomes the second step."""
        loop = asyncio.get_running_loop()
        self._stop_server = signal.getsignal(signal.SIGTERM)

        def handle(number: int, _: FrameType | None) -> None:
            # Here, as the event loop may be blocked.
            if number != SKIP_DRAIN:
                end_within(self._limit)
            loop.call_soon_threadsafe(self._handle, number)

        for number in (signal.SIGTERM, signal.SIGINT, SKIP_DRAIN):
            signal.signal(number, handle)

    def _handle(self, number: int) -> None:
        if number == SKIP_DRAIN:
            self._drain_seconds = 0
            if self.draining:
                self._stop(signal.SIGTERM)
        elif number == signal.SIGINT:
            self._stop(number)
        elif not self.draining:
            self.draining = True
            if self._drain_seconds:
                _log.info("the server drains", seconds=self._drain_seconds)
            asyncio.get_running_loop().call_later(self._drain_seconds, self._stop, number)

    def _stop(self, number: int) -> None:
        # uvicorn ends requests in flight if it gets a second SIGINT.
        if not self._stopping or number == signal.SIGINT:
            self.draining = self._stopping = True
            self._stop_server(number, None)
