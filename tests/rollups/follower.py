"""Processes that maintain rollups until they are killed, and that compare cells with documents.

They are separate processes, since Beanie binds documents to one database per process.
"""

import asyncio
import os
from pathlib import Path

from rollups.keeper.store import RollupStore
from rollups.keeper.supervisor import maintaining
from rollups.layout.rollup import DEFAULT_ROLLUPS
from server import log
from server.database import connect
from server.settings import Settings
from tests.rollups.conftest import assert_exact


def follow(uri: str, database: str, lease_seconds: float, log_file: Path) -> None:
    """Maintains the rollups of a database until the process is killed; logs to a file."""
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
