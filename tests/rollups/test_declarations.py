"""Two declarations of a rollup side by side, as in a rolling deployment."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from cancelling import cancel
from cubes.cube import Cube, Slice
from cubes.registry import DEFAULT_CATALOG
from documents.ticket_order import TicketOrder
from loaders.rollup_reader import RollupReader
from resolvers.families import slices_of_kpis
from rollups.keeper import follow
from rollups.keeper.keeper import maintain
from rollups.keeper.lease import acquire
from rollups.keeper.store import RollupStore
from rollups.keeper.sweep import ABANDONED_AFTER, sweep
from rollups.layout.read_plan import read_plan
from rollups.layout.rollup import DEFAULT_ROLLUPS, Rollup
from rollups.layout.states import fresh_state
from tests.rollups.conftest import Database, assert_exact, caught_up, until

(CURRENT,) = (each for each in DEFAULT_ROLLUPS if each.source is TicketOrder)
(_CUBE,) = CURRENT.cubes
OTHER_CUBE = replace(
    _CUBE,
    measures={**_CUBE.measures, "twice": 2},
    rollup_levels=[*_CUBE.rollup_levels, frozenset({"status"})],
)
OTHER = Rollup(CURRENT.source, [OTHER_CUBE])


def test_each_level_is_read_by_a_kpi_and_each_kpi_has_a_level() -> None:
    cubes = {cube: rollup for rollup in DEFAULT_ROLLUPS for cube in rollup.cubes}
    read = [
        cubes[cube].levels_for(cube, one.dimensions)
        for _, one in slices_of_kpis()
        if (cube := DEFAULT_CATALOG.bound(one.cube)) in cubes
    ]
    assert all(read)
    assert {level for levels in read for level in levels} == {
        level for rollup in DEFAULT_ROLLUPS for level in rollup.levels
    }


def test_finest_levels_are_those_that_no_other_level_adds_up_to() -> None:
    made_of = {level.name: finer and finer.name for level, finer in CURRENT.finer.items()}
    assert made_of == {
        "orders by gateway, method, status": None,
        "orders by event": None,
        "orders by nothing": "orders by gateway, method, status",
    }


@asynccontextmanager
async def _maintaining_other(store: RollupStore) -> AsyncIterator[None]:
    keeper = asyncio.create_task(maintain(store, OTHER, "other version"))
    try:
        yield
    finally:
        await cancel(keeper)


def _by_status(cube: Cube) -> Slice:
    return cube.slice("status", measures=cube.measures)


async def _read(database: Database, rollup: Rollup) -> Mapping[Any, Mapping[str, Any]]:
    """Orders by status, read from the cells of the rollup's declaration."""
    (cube,) = rollup.cubes
    reader = RollupReader(database, [rollup])
    state = fresh_state(rollup, (await reader.states())[1], timedelta())
    plan = read_plan(_by_status(cube), rollup)
    assert state is not None
    assert plan is not None
    return await _sums(reader.collection(state["cells"]), plan.pipeline)


async def _sums(collection: Any, pipeline: Any) -> Mapping[Any, Mapping[str, Any]]:
    cells = await (await collection.aggregate(pipeline)).to_list()
    return {cell.pop("_id")["status"]: cell for cell in cells}


async def test_two_declarations_are_exact_side_by_side(
    database: Database, store: RollupStore
) -> None:
    orders = database["ticket_orders"]
    await orders.delete_many({})
    before = await caught_up(store, CURRENT)
    async with _maintaining_other(store):
        for number in range(50):
            status = ("CONFIRMED", "PENDING", "succeeded")[number % 3]
            order = {"event_id": ObjectId(), "payment_status": status, "amount_cents": number}
            await orders.insert_one(order)
            await orders.update_one({"amount_cents": number - 5}, {"$set": {"gateway": "asaas"}})
            await orders.delete_one({"amount_cents": number - 20})
            await asyncio.sleep(0.02)
        await assert_exact(store, CURRENT, OTHER)
        for rollup in (CURRENT, OTHER):
            counted = await _sums(orders, _by_status(rollup.cubes[0]).pipeline())
            assert await _read(database, rollup) == counted
    assert {len(each) for each in counted.values()} == {len(OTHER_CUBE.measures)}
    current, other = await store.state(CURRENT), await store.state(OTHER)
    # The current declaration still has the same lease and cells.
    for name in ("owner", "fencing_token", "cells", "builds"):
        assert current[name] == before[name]
    assert other["owner"] == "other version"
    assert other["cells"].startswith(f"headcount_cells.{OTHER.name}@{OTHER.declaration[:12]}.")
    assert current["rollup"] == other["rollup"] == CURRENT.name


async def test_a_keeper_continues_from_the_resume_position_of_its_declaration(
    store: RollupStore,
) -> None:
    async with _maintaining_other(store):
        built = await caught_up(store, OTHER)
    await store.database["ticket_orders"].insert_one({"event_id": ObjectId()})
    async with _maintaining_other(store):
        await assert_exact(store, OTHER)
    assert (await store.state(OTHER))["builds"] == built["builds"]


async def _swept(store: RollupStore) -> list[str]:
    """The names of all collections after the current declaration's keeper sweeps."""
    lease = await acquire(store, CURRENT, "sweeper", by_force=True)
    assert lease is not None
    async with lease:
        await sweep(lease, store.database[(await store.state(CURRENT))["cells"]])
    return await store.database.list_collection_names()


async def test_another_declaration_is_dropped_a_day_after_its_lease_ends(
    store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caught_up(store, CURRENT)
    async with _maintaining_other(store):
        state = await caught_up(store, OTHER)
        assert state["cells"] in await _swept(store)
    assert await store.other_states(CURRENT)

    async def end_lease(ago: timedelta) -> None:
        ended = {"$set": {"expires_at": datetime.now(UTC) - ago}}
        await store.states.update_one({"_id": OTHER.state_id}, ended)

    await end_lease(ABANDONED_AFTER - timedelta(minutes=1))
    assert state["cells"] in await _swept(store)
    assert (await store.state(OTHER))["cells"] == state["cells"]

    await end_lease(ABANDONED_AFTER + timedelta(minutes=1))
    # From now on the running keeper sweeps.
    monkeypatch.setattr(follow, "SWEEP_SECONDS", 0)

    async def dropped() -> bool:
        names = await store.database.list_collection_names()
        return state["cells"] not in names and not await store.state(OTHER)

    await until(dropped)
    await assert_exact(store, CURRENT)


@pytest.mark.parametrize("with_expiry", [True, False])
async def test_a_state_of_an_early_version_is_dropped_too(
    store: RollupStore, with_expiry: bool
) -> None:
    await caught_up(store, CURRENT)
    cells = f"headcount_cells.{CURRENT.name}.1776700800000.1"
    await store.database[cells].insert_one({})
    state = {"_id": CURRENT.name, "fence": 1776700800000, "cells": cells, "declaration": "early"}
    name = "expires_at" if with_expiry else "as_of"
    for ago, remains in ((timedelta(hours=23), True), (timedelta(hours=25), False)):
        ended = {name: datetime.now(UTC) - ago}
        await store.states.replace_one({"_id": CURRENT.name}, state | ended, upsert=True)
        assert (cells in await _swept(store)) is remains
        assert bool(await store.states.find_one({"_id": CURRENT.name})) is remains
    assert await store.other_states(CURRENT) == []


async def test_cells_without_a_state_are_dropped(store: RollupStore) -> None:
    await caught_up(store, CURRENT)
    orphan = f"headcount_cells.{OTHER.state_id}.1776700800000.1"
    # Cells of another rollup whose name has the same start.
    of_another_rollup = f"headcount_cells.{CURRENT.name}_archive@0123456789ab.1776700800000.1"
    for name in (orphan, of_another_rollup):
        await store.database[name].insert_one({})
    remaining = await _swept(store)
    assert orphan not in remaining
    assert of_another_rollup in remaining


async def test_a_keeper_rebuilds_if_its_state_is_dropped(store: RollupStore) -> None:
    async with _maintaining_other(store):
        old = await caught_up(store, OTHER)
        await store.states.delete_one({"_id": OTHER.state_id})
        await assert_exact(store, OTHER)
        new = await store.state(OTHER)
    assert new["fencing_token"] > old["fencing_token"]
    assert new["cells"] != old["cells"]
