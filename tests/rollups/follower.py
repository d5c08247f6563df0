"""Processes that keep rollups, until they are killed, and that compare their cells.

They are others than the tests', as documents are bound to one database in a process.
"""

import asyncio
import os
from pathlib import Path

from rollups.keeper.lease import Store
from server import log
from server.database import connect
from server.keeping import keeping
from server.settings import Settings
from tests.rollups.conftest import assert_exact


def follow(uri: str, database: str, lease_seconds: float, log_file: Path) -> None:
    """Keeps the rollups of a database, and logs into a file."""
    output = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    log.configure("json")
    asyncio.run(_follow(uri, database, lease_seconds))


async def _follow(uri: str, name: str, lease_seconds: float) -> None:
    async with (
        connect(uri, Settings(database=name)) as database,
        keeping(Store(database, lease_seconds=lease_seconds)),
    ):
        await asyncio.Event().wait()


def compare(uri: str, name: str) -> None:
    """Fails unless, once all that happened is in them, cells are what a fresh count finds."""
    asyncio.run(_compare(uri, name))


async def _compare(uri: str, name: str) -> None:
    async with connect(uri, Settings(database=name)) as database:
        await assert_exact(Store(database))
