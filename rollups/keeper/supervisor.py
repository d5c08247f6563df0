"""The supervisor: it runs the keepers of all rollups beside a process's other work."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from cancelling import cancel
from errors import StartupError, first_words
from rollups.keeper.keeper import maintain
from rollups.keeper.prerequisites import check_server, prepare
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import Rollup

_log = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 60.0


def lease_owner() -> str:
    """This process's name in its leases: `<host>:<process id>`."""
    return f"{socket.gethostname()}:{os.getpid()}"


@asynccontextmanager
async def maintaining(store: RollupStore, rollups: Sequence[Rollup]) -> AsyncIterator[None]:
    """Maintains each rollup until the context is left, once its prerequisites are met.

    Logs each reason why one can't be maintained once, and tries again every minute. The others are
    maintained meanwhile.
    """
    checking = asyncio.create_task(
        _succeeds(
            lambda: check_server(store),
            "rollups can't be maintained: all queries are counted live",
        )
    )

    async def maintain_prepared(rollup: Rollup) -> None:
        await asyncio.wait([checking])
        await _succeeds(
            lambda: prepare(store, rollup),
            "a rollup can't be maintained: its cubes are counted live",
            rollup=rollup.name,
        )
        await maintain(store, rollup, lease_owner())

    keepers = [asyncio.create_task(maintain_prepared(rollup)) for rollup in rollups]
    try:
        yield
    finally:
        await cancel(checking, *keepers)


async def _succeeds(prepare: Callable[[], Awaitable[None]], problem: str, **fields: str) -> None:
    """Returns when `prepare` has succeeded; until then, logs each new reason why it does not."""
    logged = ""
    while True:
        try:
            await prepare()
        except (StartupError, PyMongoError) as error:
            if (reason := first_words(error)) != logged:
                _log.warning(problem, reason=reason, **fields)
            logged = reason
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return
