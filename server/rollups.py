"""The rollups of a process: which database they are in, and the check at start."""

import asyncio
from typing import Any

from pymongo import ReadPreference
from pymongo.asynchronous.database import AsyncDatabase

from rollups.keeper.prerequisites import prepare
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import rollups
from server.database import connect
from server.settings import Settings

Database = AsyncDatabase[dict[str, Any]]


def rollup_database(settings: Settings, database: Database) -> Database:
    """The database of state documents and cells, read from the primary: a secondary may lag."""
    name = settings.rollups_database or settings.database
    return database.client.get_database(
        name, database.codec_options, read_preference=ReadPreference.PRIMARY
    )


def rollup_store(settings: Settings, database: Database) -> RollupStore:
    """The store that keepers and commands write rollups through."""
    return RollupStore(
        rollup_database(settings, database), build_share=settings.rollups_build_share
    )


def check_rollups(settings: Settings, uri: str) -> None:
    """Prepares rollups; raises `StartupError` if the MongoDB or the rights don't suffice."""

    async def run() -> None:
        async with connect(uri, settings) as database:
            await prepare(rollup_store(settings, database), rollups(settings.catalog))

    asyncio.run(run())
