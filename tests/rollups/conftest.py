"""Rollups that are kept while tests change what they are of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from cancelling import cancel
from cubes.cells import exact
from cubes.keys import key_of
from documents.reads import BY_CODE_POINT
from loaders import rollup_reader
from rollups.keeper import follow
from rollups.keeper.cluster_time import moment
from rollups.keeper.keep import keep, ready
from rollups.keeper.lease import Store
from rollups.layout import states as rollup_states
from rollups.layout.rollup import ROLLUPS, Rollup

Database = AsyncDatabase[dict[str, Any]]
SOON = 10.0


@pytest.fixture(scope="module")
async def store(database: Database) -> AsyncIterator[Store]:
    """Rollups that are kept meanwhile."""
    store = Store(database, lease_seconds=0.6)
    with pytest.MonkeyPatch.context() as patch:
        # Each example waits for it.
        patch.setattr(follow, "QUIET_SECONDS", 0)
        patch.setattr(follow, "WAIT_MS", 20)
        # However slow the machine is.
        patch.setattr(rollup_states, "FRESH", timedelta(hours=1))
        # However fast it is: what changed is known at once.
        patch.setattr(rollup_reader, "_STATES_SECONDS", -1)
        # As a server does: whatever tests were here before, no image is missing later.
        await ready(store)
        keeping = [asyncio.create_task(keep(store, rollup, "tests")) for rollup in ROLLUPS]
        yield store
        await cancel(*keeping)
    for name in await database.list_collection_names(filter={"name": {"$regex": "^headcount_"}}):
        await database.drop_collection(name)


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """Waits for something to be so."""
    async with asyncio.timeout(SOON):
        while True:
            if await found():
                return
            await asyncio.sleep(0.02)


async def quiet(store: Store, rollup: Rollup) -> Mapping[str, Any]:
    """The state, once all that happened until now is in the cells."""
    until = (await moment(store.database)).time
    async with asyncio.timeout(SOON):
        while True:
            state = await store.state(rollup)
            if state.get("cells") and state["position"] >= until:
                return state
            await asyncio.sleep(0.02)


def _by_key(cells: list[dict[str, Any]]) -> dict[Any, Any]:
    return {
        (cell["level"], *((name, key_of(value)) for name, value in sorted(cell["key"].items()))): {
            name: exact(value) for name, value in cell["measures"].items()
        }
        | {"documents": cell["documents"]}
        for cell in cells
    }


async def assert_exact(store: Store) -> None:
    """Asserts that, once all that happened is in them, cells are what a fresh count finds."""
    for rollup in ROLLUPS:
        state = await quiet(store, rollup)
        kept = await store.database[state["cells"]].find({"documents": {"$ne": 0}}).to_list()
        source = rollup.source.get_pymongo_collection()
        counted = [
            cell
            for level in rollup.levels
            for cell in await (
                await source.aggregate(level.cells(), collation=BY_CODE_POINT)
            ).to_list()
        ]
        was, now = _by_key(kept), _by_key(counted)
        different = [
            (key, was.get(key), now.get(key)) for key in was | now if was.get(key) != now.get(key)
        ]
        # Short: all of them would hide what happened.
        assert not different, (len(different), different[:3], len(was), len(now), dict(state))
