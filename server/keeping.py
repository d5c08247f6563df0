"""Rollups as a process keeps them: beside its other work, or as its only one."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from pymongo import ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from cancelling import cancel
from errors import StartupError, first_words
from rollups.keeper.keep import keep, ready
from rollups.keeper.lease import Store
from rollups.layout.rollup import ROLLUPS, Rollup
from server.database import connect
from server.settings import Settings

_log = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 60.0

Database = AsyncDatabase[dict[str, Any]]


def kept_in(settings: Settings, database: Database) -> Database:
    """The database that cells are kept in, as the primary has it: they are to be the newest."""
    name = settings.rollups_database or settings.database
    return database.client.get_database(
        name, database.codec_options, read_preference=ReadPreference.PRIMARY
    )


def owner() -> str:
    """What tells this process from others that keep rollups."""
    return f"{socket.gethostname()}:{os.getpid()}"


def check(settings: Settings, uri: str) -> None:
    """Prepares rollups to be kept; raises `StartupError` where they can't be."""

    async def run() -> None:
        async with connect(uri, settings) as database:
            await ready(Store(kept_in(settings, database)))

    asyncio.run(run())


@asynccontextmanager
async def keeping(store: Store) -> AsyncIterator[None]:
    """Keeps rollups meanwhile, unless others do. What is in the way is logged once."""
    gate = asyncio.create_task(_ready(store))

    async def keep_one(rollup: Rollup) -> None:
        await asyncio.wait([gate])
        await keep(store, rollup, owner())

    tasks = [asyncio.create_task(keep_one(rollup)) for rollup in ROLLUPS]
    try:
        yield
    finally:
        await cancel(gate, *tasks)


async def _ready(store: Store) -> None:
    """Ends when rollups can be kept."""
    said = ""
    while True:
        try:
            await ready(store)
        except (StartupError, PyMongoError) as error:
            if (reason := first_words(error)) != said:
                _log.warning("rollups are not kept: all is counted live", reason=reason)
            said = reason
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return
