"""Processes that maintain rollups until they are killed, and that compare cells with documents.

They are separate processes, since Beanie binds documents to one database per process.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pymongo.database import Database

from rollups.keeper import build
from rollups.keeper.store import RollupStore
from rollups.keeper.supervisor import maintaining
from rollups.layout.rollup import DEFAULT_ROLLUPS
from server import log
from server.database import connect
from server.settings import Settings
from tests.forks import FORKS
from tests.rollups.conftest import assert_exact


def follow(
    uri: str, database: str, lease_seconds: float, range_documents: int, log_file: Path
) -> None:
    """Maintains the rollups of a database until the process is killed; logs to a file."""
    build.RANGE_DOCUMENTS = range_documents
    output = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    log.configure("json")
    asyncio.run(_follow(uri, database, lease_seconds))


async def _follow(uri: str, name: str, lease_seconds: float) -> None:
    async with (
        connect(uri, Settings(database=name)) as database,
        maintaining(RollupStore(database, lease_seconds=lease_seconds), DEFAULT_ROLLUPS),
    ):
        await asyncio.Event().wait()


def compare(uri: str, name: str) -> None:
    """Waits for the follower, then fails unless the cells equal a fresh count."""
    asyncio.run(_compare(uri, name))


async def _compare(uri: str, name: str) -> None:
    async with connect(uri, Settings(database=name)) as database:
        await assert_exact(RollupStore(database))


class Followers:
    """Processes that compete for the leases of all rollups."""

    def __init__(self, folder: Path, *arguments: Any) -> None:
        self._arguments = arguments
        self._folder = folder
        self._started = 0
        self.running: list[BaseProcess] = []

    def start(self) -> BaseProcess:
        """Starts a process."""
        self._started += 1
        name = f"follower-{self._started}"
        process = FORKS.Process(target=follow, args=(*self._arguments, self._log(name)), name=name)
        process.start()
        self.running.append(process)
        return process

    def replace(self, number: int) -> None:
        """Kills a process and starts another in its place."""
        killed = self.running[number]
        killed.kill()
        killed.join()
        self.running[number] = self.start()
        self.running.pop()

    def log(self, process: BaseProcess) -> str:
        """The log of a process."""
        return self._log(process.name).read_text()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def following(
    uri: str,
    database: str,
    folder: Path,
    *,
    processes: int = 1,
    lease_seconds: float = 0.5,
    range_documents: int = build.RANGE_DOCUMENTS,
) -> Iterator[Followers]:
    """Maintains the rollups of a database by some processes; their logs go to a folder."""
    followers = Followers(folder, uri, database, lease_seconds, range_documents)
    try:
        for _ in range(processes):
            followers.start()
        yield followers
    finally:
        for process in followers.running:
            process.kill()
            process.join()


def assert_cells_are_exact(uri: str, database: str) -> None:
    """Waits for the followers, then asserts that the cells equal a fresh count."""
    comparing = FORKS.Process(target=compare, args=(uri, database))
    comparing.start()
    comparing.join()
    assert comparing.exitcode == 0


def states(database: Database[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The state documents of a database."""
    return [*database["headcount_rollups"].find()]
