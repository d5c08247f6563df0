"""The supervisor: it runs the keepers of all rollups beside a process's other work."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from cancelling import cancel
from errors import StartupError, first_words
from rollups.keeper.keeper import maintain
from rollups.keeper.prerequisites import prepare
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import Rollup

_log = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 60.0


def lease_owner() -> str:
    """This process's name in its leases: `<host>:<process id>`."""
    return f"{socket.gethostname()}:{os.getpid()}"


@asynccontextmanager
async def maintaining(store: RollupStore, rollups: Sequence[Rollup]) -> AsyncIterator[None]:
    """Maintains rollups until the context is left, once the prerequisites are met.

    Logs each reason why it can't once, and tries again every minute.
    """
    prepared = asyncio.create_task(_prepare(store, rollups))

    async def maintain_prepared(rollup: Rollup) -> None:
        await asyncio.wait([prepared])
        await maintain(store, rollup, lease_owner())

    keepers = [asyncio.create_task(maintain_prepared(rollup)) for rollup in rollups]
    try:
        yield
    finally:
        await cancel(prepared, *keepers)


async def _prepare(store: RollupStore, rollups: Sequence[Rollup]) -> None:
    logged = ""
    while True:
        try:
            await prepare(store, rollups)
        except (StartupError, PyMongoError) as error:
            if (reason := first_words(error)) != logged:
                _log.warning(
                    "rollups can't be maintained: all queries are counted live", reason=reason
                )
            logged = reason
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return
