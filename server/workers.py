"""The supervisor of worker processes: starts and replaces them, and passes signals on."""

import os
import signal
import time
from collections.abc import Sequence
from socket import socket
from types import FrameType
from typing import Final

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from server.http.stopping import SKIP_DRAIN, end_within
from server.metrics import forget_process

_log = structlog.get_logger(__name__)

PING_SECONDS: Final = 60
"""How long a worker may take to answer a ping.

A worker that starts answers once it has imported its modules. On a loaded machine that takes longer
than the 5 s that uvicorn allows by default.
"""
_SUPERVISOR_SECONDS: Final = 15
"""How much longer than a worker's stop the supervisor's may take: it stops the embedded mongod."""


class Supervisor(Multiprocess):
    """uvicorn's supervisor, whose workers drain on SIGTERM, and not on SIGINT and SIGHUP.

    `limit` is the longest time that the stop of a worker takes, in seconds.
    """

    def __init__(self, config: uvicorn.Config, listeners: Sequence[socket], limit: float) -> None:
        super().__init__(config, [*listeners])
        self._limit = limit + _SUPERVISOR_SECONDS
        self._pinged = dict[Process, float]()
        self._living = set[int | None]()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, _: FrameType | None) -> None:
        end_within(self._limit)
        self.signal_queue.append(number)
        if number == signal.SIGINT:
            # Here, as uvicorn handles no signal while it waits for workers that drain.
            self._skip_drain()

    def handle_int(self) -> None:
        """Stops all workers, also one that has just started, without a drain."""
        self._skip_drain()
        super().handle_int()

    def handle_hup(self) -> None:
        """Replaces all workers. The new ones serve by then, so the old ones need not drain."""
        self._skip_drain()
        super().handle_hup()

    def _skip_drain(self) -> None:
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, SKIP_DRAIN)

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that have ended or hang; ends with those that can't start.

        uvicorn's method waits for each answer, also for that of a worker that ends meanwhile: then
        the supervisor heeds no signal until the time is up.
        """
        self._forget_gauges()
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if self._responds(process):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            _log.error("a worker has ended: it is replaced", exit_code=process.exitcode)
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()

    def _forget_gauges(self) -> None:
        """Takes workers that have ended out of the gauges that sum up all workers."""
        living = {process.pid for process in self.processes if process.exitcode is None}
        for pid in self._living - living:
            forget_process(pid)
        self._living = living

    def _responds(self, process: Process) -> bool:
        """Whether a worker runs and has not left a ping unanswered for too long."""
        if not process.process.is_alive():
            self._pinged.pop(process, None)
            return False
        while process.parent_conn.poll():
            process.parent_conn.recv()
            # A ping of a restart may be answered, too.
            self._pinged.pop(process, None)
        if process not in self._pinged:
            process.parent_conn.send(b"ping")
            self._pinged[process] = time.monotonic()
        return time.monotonic() < self._pinged[process] + PING_SECONDS
