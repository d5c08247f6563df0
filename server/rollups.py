"""The rollups of a process: which database they are in, and the check at start."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pymongo import ReadPreference
from pymongo.asynchronous.database import AsyncDatabase

from errors import StartupError
from loaders.rollup_reader import RollupReader
from rollups.keeper.prerequisites import prepare_all
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import Rollup, rollups
from server.database import connect
from server.metrics import PrometheusMetrics
from server.settings import PREFIX, Settings

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


def rollup_reader(
    settings: Settings, database: Database, metrics: PrometheusMetrics | None = None
) -> RollupReader | None:
    """The reader of the rollups, which counts fallbacks in `metrics`; None if they are off."""
    if settings.rollups == "off":
        return None
    return RollupReader(
        rollup_database(settings, database),
        rollups(settings.catalog),
        count=metrics.count_fallbacks() if metrics else lambda _: None,
    )


def check_rollups(settings: Settings, uri: str) -> None:
    """Prepares rollups; raises `StartupError` if one of them can't be maintained."""

    async def run() -> None:
        async with connect(uri, settings) as database:
            try:
                await prepare_or_refuse(settings, rollup_store(settings, database))
            except StartupError as error:
                raise StartupError(
                    f"{PREFIX}ROLLUPS=on requires that all collections can be followed; with auto, "
                    f"the others are counted live. {error}"
                ) from error

    asyncio.run(run())


async def prepare_or_refuse(settings: Settings, store: RollupStore) -> Mapping[Rollup, str]:
    """Prepares rollups. Returns those that can't be maintained, and why.

    Raises `StartupError` if none can be maintained, or the setting is `on` and one can't.
    """
    reasons = await prepare_all(store, all_rollups := rollups(settings.catalog))
    if reasons and (settings.rollups == "on" or len(reasons) == len(all_rollups)):
        raise StartupError(" ".join(dict.fromkeys(reasons.values())))
    return reasons
