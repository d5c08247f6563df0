"""Starts `headcount` processes quickly: forks of a process that has imported all modules.

Imports take a second for each fresh process, and the tests start hundreds. The tests of the docs'
commands run the installed entry point instead.
"""

import asyncio
import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from multiprocessing import reduction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from unittest.mock import patch

from server.metrics import PrometheusMetrics

FORKS: Final = multiprocessing.get_context("forkserver")
READ_CELLS: Final = {"TEST_READ_CELLS": "always"}
"""The environment of a process that reads cells even where counting is cheaper.

Where documents are as few as in tests, counting is.
"""

COUNT_TASKS: Final = "TEST_COUNT_TASKS"
"""The variable of a file that a server writes the number of its event loop's tasks to."""

FORKS.set_forkserver_preload(["__main__", "tests.forks", "tests.rollups.follower", "server.cli"])


class Command:
    """A running `headcount`, with the part of the API of `subprocess.Popen` that tests use.

    `stdout` can be read while the process runs. `communicate` returns stderr once the process has
    ended, unless `stderr` names another file.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        stderr: IO[Any] | None = None,
    ) -> None:
        reading, writing = os.pipe()
        self.stdout: TextIOWrapper = os.fdopen(reading, "r")
        # A file, not a pipe: a full pipe without a reader would block the process.
        self._stderr = stderr or os.fdopen(os.memfd_create("stderr"), "w+")
        self._process = FORKS.Process(
            target=_headcount,
            args=(
                arguments,
                folder,
                environment,
                _Descriptor(writing),
                _Descriptor(self._stderr.fileno()),
            ),
        )
        self._process.start()
        os.close(writing)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self.communicate()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; negative for a signal (-9 for SIGKILL)."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("headcount", timeout)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Waits for the end; returns the unread part of stdout, and stderr."""
        self.wait(timeout)
        if self.stdout.closed:
            return "", ""
        with self.stdout, self._stderr:
            printed = self.stdout.read()
            self._stderr.seek(0)
            return printed, self._stderr.read() if self._stderr.readable() else ""

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Descriptor:
    """A file descriptor that is passed to a forked process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (reduction.DupFd(self._number),)


def _detached(duplicate: Any) -> int:
    number: int = duplicate.detach()
    return number


def _headcount(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdout: int,
    stderr: int,
) -> None:
    """Runs `headcount` in this process, with the given folder, environment and descriptors."""
    for descriptor, number in ((stdout, 1), (stderr, 2)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # uvicorn passes the descriptor of stdin to its workers.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = ["headcount", *arguments]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    from rollups.layout import read_cost
    from server.cli import main

    if READ_CELLS.items() <= environment.items():
        read_cost.CELL = read_cost.CELLS = 0  # type: ignore[misc]
    if COUNT_TASKS in environment:
        _count_tasks(Path(environment[COUNT_TASKS]))
    try:
        main()
    finally:
        # A forked process does not run its exit handlers by itself.
        atexit._run_exitfuncs()


def _count_tasks(file: Path) -> None:
    """Has the server of this process write the number of its tasks to a file, again and again."""
    measure = PrometheusMetrics.measure_event_loop

    def write() -> None:
        file.write_text(str(len(asyncio.all_tasks())))
        asyncio.get_running_loop().call_later(0.5, write)

    async def measured(metrics: PrometheusMetrics) -> None:
        write()
        await measure(metrics)

    patch.object(PrometheusMetrics, "measure_event_loop", measured).start()
