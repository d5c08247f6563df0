"""A process that does nothing but keep rollups, until it is killed."""

import asyncio
import os
from pathlib import Path

from rollups.store import Store
from server import log
from server.database import connect
from server.keeping import keeping
from server.settings import Settings


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
