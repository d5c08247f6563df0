"""Keepers: rebuilds after gaps in the change stream, exclusive leases, detection of wrong cells."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument

from documents.ticket import Ticket
from documents.ticket_order import TicketOrder
from rollups.keeper import keeper
from rollups.keeper.cell_collections import EMPTY, new_cells
from rollups.keeper.changes import ChangeBatch
from rollups.keeper.cluster_time import MajorityClock, MajorityTime, PrimaryChanged
from rollups.keeper.deltas import deltas_of_weighted
from rollups.keeper.gap import Gap
from rollups.keeper.lease import LeaseLost, acquire
from rollups.keeper.prerequisites import prepare_all
from rollups.keeper.store import RollupStore
from rollups.keeper.sweep import drop_other_builds
from rollups.keeper.verify import verify, verify_some
from rollups.layout.rollup import DEFAULT_ROLLUPS, Rollup
from tests.rollups.conftest import Database, assert_exact, caught_up, until
from tests.strategies import nasty
from tests.strategies_behaviour import nasty_behaviour

(TICKETS,) = (rollup for rollup in DEFAULT_ROLLUPS if rollup.source is Ticket)


async def _rebuilt(store: RollupStore, rollup: Rollup, builds: int) -> None:
    async def rebuilt() -> bool:
        state = await store.state(rollup)
        return bool(state.get("builds", 0) > builds)

    await until(rebuilt)


async def _fill(database: Database) -> None:
    for name, documents in {**nasty(), **nasty_behaviour()}.items():
        await database[name].delete_many({})
        if documents:
            await database[name].insert_many([dict(document) for document in documents])


async def _dropped(store: RollupStore) -> None:
    await store.database["tickets"].drop()


async def _renamed(store: RollupStore) -> None:
    await store.database["tickets"].rename("old_tickets")
    await store.database["old_tickets"].drop()


async def _swapped(store: RollupStore) -> None:
    tickets = store.database["tickets"]
    copied: list[Mapping[str, Any]] = [{"$match": {"event_id": {"$ne": None}}}, {"$out": "copied"}]
    await (await tickets.aggregate(copied)).to_list()
    await tickets.rename("old_tickets")
    # The keeper notices in this time, and must not create a new collection.
    await asyncio.sleep(1)
    await store.database["copied"].rename("tickets")
    await store.database["old_tickets"].drop()
    await tickets.update_many({}, {"$set": {"status": "consumed"}})


async def _without_images(store: RollupStore) -> None:
    off = {"enabled": False}
    await store.database.command("collMod", "tickets", changeStreamPreAndPostImages=off)
    await store.database["tickets"].update_many({}, {"$set": {"status": "expired"}})


async def _history_lost(store: RollupStore) -> None:
    await _set_state(store, {"position": Timestamp(1, 1)})


async def _set_state(store: RollupStore, state: Mapping[str, Any]) -> None:
    lease = await acquire(store, TICKETS, "another process", by_force=True)
    assert lease is not None
    async with lease:
        await lease.update(state)


@pytest.mark.parametrize(
    "make_gap",
    [_dropped, _renamed, _swapped, _without_images, _history_lost],
)
async def test_a_gap_in_the_changes_leads_to_a_rebuild(
    database: Database, store: RollupStore, make_gap: Callable[[RollupStore], Awaitable[None]]
) -> None:
    await _fill(database)
    await assert_exact(store)
    builds = (await store.state(TICKETS))["builds"]
    await make_gap(store)
    await _rebuilt(store, TICKETS, builds)
    await database["tickets"].insert_one({"event_id": ObjectId()})
    await assert_exact(store)


async def test_cells_of_earlier_builds_are_dropped(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollups.keeper.follow.SWEEP_SECONDS", 0)
    state = await caught_up(store, TICKETS)
    await _history_lost(store)
    await _rebuilt(store, TICKETS, state["builds"])

    async def dropped() -> bool:
        return state["cells"] not in await database.list_collection_names()

    await until(dropped)
    await assert_exact(store)


async def test_the_sweep_finds_empty_cells_by_an_index(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No sweep until the empty cells are counted.
    monkeypatch.setattr("rollups.keeper.follow.SWEEP_SECONDS", 3600)
    await _fill(database)
    cells = (await caught_up(store, TICKETS))["cells"]
    deletes = {"op": "remove", "ns": f"{database.name}.{cells}"}
    await database.command("profile", 1, filter=deletes)
    await database["tickets"].delete_many({})
    await caught_up(store, TICKETS)
    empty = await database[cells].count_documents(EMPTY)
    monkeypatch.setattr("rollups.keeper.follow.SWEEP_SECONDS", 0)

    async def swept() -> bool:
        return await database["system.profile"].find_one(deletes | {"ndeleted": empty}) is not None

    try:
        await until(swept)
        found = await database["system.profile"].find(deletes).to_list()
    finally:
        await database.command("profile", 0, filter="unset")
        await database["system.profile"].drop()
    assert empty > 0
    assert {each["planSummary"] for each in found} == {"IXSCAN { documents: 1 }"}
    # The sweep examines only the empty cells.
    assert sum(each["docsExamined"] for each in found) == empty


async def test_a_lost_lease_drops_no_newer_cells(database: Database, store: RollupStore) -> None:
    other = RollupStore(database, lease_seconds=60)
    late = await acquire(other, TICKETS, "late", by_force=True)
    assert late is not None
    async with late:
        state = await late.update({})
        newer = await acquire(other, TICKETS, "newer", by_force=True)
        assert newer is not None
        async with newer:
            built, _ = await new_cells(newer)
            await built.insert_one({})
            await drop_other_builds(other, state)
            assert await built.find_one() is not None
            # Cells that are read are not dropped either, even after several failed builds.
            for _ in range(3):
                await new_cells(newer)
            assert state["cells"] in await database.list_collection_names()


async def test_a_released_lease_is_free_at_once(database: Database) -> None:
    # A database without other keepers.
    alone = RollupStore(database.client[f"{database.name}_alone"], lease_seconds=60)
    for owner in ("one", "another"):
        lease = await acquire(alone, TICKETS, owner)
        assert lease is not None
        async with lease:
            assert await acquire(alone, TICKETS, "a third") is None
        assert "session" not in await alone.state(TICKETS)
    await database.client.drop_database(alone.database)


async def test_fencing_tokens_grow_even_if_states_are_dropped(database: Database) -> None:
    alone = RollupStore(database.client[f"{database.name}_alone"], lease_seconds=60)
    old = await acquire(alone, TICKETS, "one")
    assert old is not None
    cells = (await new_cells(old))[0].name
    await alone.states.drop()
    new = await acquire(alone, TICKETS, "one")
    assert new is not None
    async with old, new:
        with pytest.raises(LeaseLost):
            await old.update({})
        assert (await new_cells(new))[0].name != cells
    await database.client.drop_database(alone.database)


async def test_deltas_too_large_for_one_response_come_in_several(database: Database) -> None:
    (rollup,) = (each for each in DEFAULT_ROLLUPS if each.source is TicketOrder)
    alone = RollupStore(database.client[f"{database.name}_alone"], lease_seconds=60)
    # Each document is in cells of two levels.
    documents = [RawBSONDocument(bson.encode({"event_id": f"{n:09d}" * 1000})) for n in range(1200)]
    weighted = [{"weight": 1, "document": each} for each in documents]
    cells = await deltas_of_weighted(alone, rollup, weighted)
    by_level = Counter[str]()
    for cell in cells:
        by_level[cell["level"]] += cell["documents"]
    assert by_level == dict.fromkeys((level.name for level in rollup.levels), len(documents))


# ---------------------------------------------------------------- verifying


@pytest.fixture(scope="module")
async def filled(database: Database, store: RollupStore) -> None:
    """Documents of all kinds, which the tests below only read."""
    # In new collections: `$sample` takes seconds among thousands of documents deleted lately.
    for name in {**nasty(), **nasty_behaviour()}:
        await database[name].drop()
    await prepare_all(store, DEFAULT_ROLLUPS)
    await _fill(database)


async def test_verify_finds_no_differences_in_exact_cells(store: RollupStore, filled: None) -> None:
    await assert_exact(store)
    for rollup in DEFAULT_ROLLUPS:
        assert await verify(store, rollup) == []
        for _ in range(2):
            assert await verify_some(store, rollup) == []


async def _count_one_too_many(cells: Any) -> None:
    await cells.update_many({}, {"$inc": {"documents": 1}})


async def _delete_all(cells: Any) -> None:
    await cells.delete_many({})


@pytest.mark.parametrize("spoil", [_count_one_too_many, _delete_all])
@pytest.mark.parametrize("rollup", DEFAULT_ROLLUPS, ids=lambda rollup: rollup.source.__name__)
async def test_wrong_cells_are_detected_and_rebuilt(
    database: Database,
    store: RollupStore,
    filled: None,
    rollup: Rollup,
    spoil: Callable[[Any], Awaitable[None]],
) -> None:
    await assert_exact(store, rollup)
    state = await store.state(rollup)
    await spoil(database[state["cells"]])
    for _ in range(50):
        # A check of a random document finds nothing if it is in no cell, such as a deleted ticket.
        if await verify_some(store, rollup):
            break
    after = await store.state(rollup)
    assert "cells" not in after or after["builds"] > state["builds"]
    assert after["differences"] > state.get("differences", 0)
    await assert_exact(store, rollup)
    assert (await store.state(rollup))["builds"] == state["builds"] + 1


async def test_cells_that_a_dump_brought_back_are_detected(
    database: Database, store: RollupStore, filled: None
) -> None:
    await assert_exact(store, TICKETS)
    cells = database[(await store.state(TICKETS))["cells"]]
    cell = await cells.find_one({"level": "tickets by event"})
    assert cell is not None
    # Its event is no longer in the collection.
    swept = {"event": ObjectId()}
    del cell["_id"]
    await cells.insert_one(cell | {"key": swept, "documents": 1})
    differences = [difference.key for difference in await verify_some(store, TICKETS)]
    assert differences[:1] == [{}]
    await assert_exact(store, TICKETS)


async def test_a_keeper_detects_wrong_cells_by_itself(
    database: Database,
    store: RollupStore,
    filled: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    await assert_exact(store, TICKETS)
    monkeypatch.setattr(keeper, "CHECK_SECONDS", 0.05)
    # The running check still sleeps for the old interval; a lost lease makes the keeper restart it.
    await _set_state(store, {})
    state = await caught_up(store, TICKETS)
    await database[state["cells"]].update_many({}, {"$inc": {"measures.tickets": 1}})
    await _rebuilt(store, TICKETS, state["builds"])
    await assert_exact(store, TICKETS)
    assert "a cell differs from a fresh count" in capsys.readouterr().out


# ---------------------------------------------------------------- the order of changes


async def test_a_clock_behind_the_stream_counts_no_change_twice(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await caught_up(store, TICKETS)

    async def behind(self: MajorityClock) -> MajorityTime:
        return MajorityTime(state["position"], state["as_of"])

    monkeypatch.setattr(MajorityClock, "now", behind)
    await database["tickets"].insert_many([{"status": "consumed"} for _ in range(5)])

    async def applied() -> bool:
        changes = (await store.state(TICKETS)).get("changes", 0)
        return bool(changes == state.get("changes", 0) + 5)

    await until(applied)
    # Another process takes the lease: the keeper opens the stream again, at the position.
    await _set_state(store, {})
    monkeypatch.undo()
    await assert_exact(store, TICKETS)
    assert (await store.state(TICKETS))["builds"] == state["builds"]


@pytest.mark.parametrize(
    ("times", "until", "fits"),
    [
        ([2, 3], 3, True),
        ([2, 2], 5, True),
        ([], 5, True),
        ([1, 2], 3, False),
        ([3, 2], 3, False),
        ([2, 3], 2, False),
    ],
)
def test_changes_out_of_order_lead_to_a_rebuild(times: list[int], until: int, fits: bool) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    changes = [RawBSONDocument(bson.encode({"clusterTime": Timestamp(each, 1)})) for each in times]
    batch = ChangeBatch(changes, MajorityTime(Timestamp(until, 1), at))
    with nullcontext() if fits else pytest.raises(Gap, match="came after"):
        batch.check_order(Timestamp(1, 1))


async def test_a_clock_ends_with_its_primary(database: Database) -> None:
    clock = MajorityClock(database)
    await clock.now()
    await clock.now()
    clock._election = ObjectId()
    with pytest.raises(PrimaryChanged):
        await clock.now()
