"""Fixtures: rollups that keepers maintain while tests change documents."""

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
from loaders import request_rollups, rollup_reader
from rollups.keeper import changes
from rollups.keeper.cluster_time import majority_time
from rollups.keeper.keeper import maintain
from rollups.keeper.prerequisites import prepare_all
from rollups.keeper.store import RollupStore
from rollups.layout import read_cost
from rollups.layout import states as rollup_states
from rollups.layout.rollup import DEFAULT_ROLLUPS, Rollup
from tests.commands import PATIENCE

Database = AsyncDatabase[dict[str, Any]]


@pytest.fixture(scope="module")
async def store(database: Database) -> AsyncIterator[RollupStore]:
    """The store of all rollups; keepers maintain them during the tests of a module."""
    store = RollupStore(database, lease_seconds=0.6)
    with pytest.MonkeyPatch.context() as patch:
        # Short waits: each example waits for the next batch.
        patch.setattr(changes, "QUIET_SECONDS", 0.1)
        patch.setattr(changes, "WAIT_MS", 50)
        # Cells are fresh even on a slow machine.
        patch.setattr(rollup_states, "FRESH", timedelta(hours=1))
        # Cells of few documents are read, too.
        patch.setattr(read_cost, "CELL", 0)
        patch.setattr(read_cost, "CELLS", 0)
        # Each read loads the states, even on a fast machine.
        patch.setattr(rollup_reader, "_STATES_SECONDS", -1)
        # Rollups are waited for, even on a slow machine.
        patch.setattr(rollup_reader, "WAIT_SECONDS", PATIENCE)
        patch.setattr(request_rollups, "WAIT_SECONDS", PATIENCE)
        # An earlier test may have left a collection without pre-images.
        assert not await prepare_all(store, DEFAULT_ROLLUPS)
        keepers = [
            asyncio.create_task(maintain(store, rollup, "tests")) for rollup in DEFAULT_ROLLUPS
        ]
        yield store
        await cancel(*keepers)
    for name in await database.list_collection_names(filter={"name": {"$regex": "^headcount_"}}):
        await database.drop_collection(name)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for a condition; fails after `PATIENCE` seconds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def caught_up(store: RollupStore, rollup: Rollup) -> Mapping[str, Any]:
    """Waits until the cells contain all changes made so far; returns the state document."""
    now = (await majority_time(store.database)).cluster_time
    async with asyncio.timeout(PATIENCE):
        while True:
            state = await store.state(rollup)
            if state.get("cells") and state["position"] >= now:
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


async def assert_exact(store: RollupStore, *rollups: Rollup) -> None:
    """Waits for the followers, then asserts that the cells equal a fresh count. Default: all."""
    for rollup in rollups or DEFAULT_ROLLUPS:
        state = await caught_up(store, rollup)
        found = await store.database[state["cells"]].find({"documents": {"$ne": 0}}).to_list()
        source = rollup.source.get_pymongo_collection()
        fresh = [
            cell
            for level in rollup.levels
            for cell in await (
                await source.aggregate(level.cells(), collation=BY_CODE_POINT)
            ).to_list()
        ]
        stored, counted = _by_key(found), _by_key(fresh)
        different = [
            (key, stored.get(key), counted.get(key))
            for key in stored | counted
            if stored.get(key) != counted.get(key)
        ]
        # Three examples are enough: a long list would hide the cause.
        assert not different, (
            len(different), different[:3], len(stored), len(counted), dict(state)
        )  # fmt: skip
