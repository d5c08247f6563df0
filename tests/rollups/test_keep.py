"""What is in the way of following a collection leads to a rebuild, and wrong cells are found."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import bson
import pytest
from bson import ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument

from documents import TicketOrder
from rollups.keeper import follow, keep
from rollups.keeper.lease import Lost, Store
from rollups.keeper.verify import verify, verify_some
from rollups.layout.rollup import ROLLUPS, Rollup
from tests.rollups.conftest import Database, assert_exact, quiet, until
from tests.strategies import nasty
from tests.strategies_behaviour import nasty_behaviour

TICKETS = ROLLUPS[0]


async def _rebuilt(store: Store, rollup: Rollup, builds: int) -> None:
    async def rebuilt() -> bool:
        state = await store.state(rollup)
        return bool(state.get("builds", 0) > builds)

    await until(rebuilt)


async def _fill(database: Database) -> None:
    for name, documents in {**nasty(), **nasty_behaviour()}.items():
        await database[name].delete_many({})
        if documents:
            await database[name].insert_many([dict(document) for document in documents])


async def _dropped(store: Store) -> None:
    await store.database["tickets"].drop()


async def _renamed(store: Store) -> None:
    await store.database["tickets"].rename("old_tickets")
    await store.database["old_tickets"].drop()


async def _swapped(store: Store) -> None:
    tickets = store.database["tickets"]
    copied: list[Mapping[str, Any]] = [{"$match": {"event_id": {"$ne": None}}}, {"$out": "copied"}]
    await (await tickets.aggregate(copied)).to_list()
    await tickets.rename("old_tickets")
    # Longer than it takes to notice: nobody is to make one in its place.
    await asyncio.sleep(1)
    await store.database["copied"].rename("tickets")
    await store.database["old_tickets"].drop()
    await tickets.update_many({}, {"$set": {"status": "consumed"}})


async def _without_images(store: Store) -> None:
    off = {"enabled": False}
    await store.database.command("collMod", "tickets", changeStreamPreAndPostImages=off)
    await store.database["tickets"].update_many({}, {"$set": {"status": "expired"}})


async def _history_lost(store: Store) -> None:
    await _as_if(store, {"position": Timestamp(1, 1)})


async def _declared_otherwise(store: Store) -> None:
    await _as_if(store, {"declaration": "another"})


async def _as_if(store: Store, state: Mapping[str, Any]) -> None:
    kept = await store.take(TICKETS, "somebody else", by_force=True)
    assert kept is not None
    async with kept:
        await kept.write(state)


@pytest.mark.parametrize(
    "happens",
    [_dropped, _renamed, _swapped, _without_images, _history_lost, _declared_otherwise],
)
async def test_what_can_not_be_followed_is_built_anew(
    database: Database, store: Store, happens: Callable[[Store], Awaitable[None]]
) -> None:
    await _fill(database)
    await assert_exact(store)
    builds = (await store.state(TICKETS))["builds"]
    await happens(store)
    await _rebuilt(store, TICKETS, builds)
    await database["tickets"].insert_one({"event_id": ObjectId()})
    await assert_exact(store)


async def test_cells_of_earlier_builds_are_dropped(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollups.keeper.follow.SWEEP_SECONDS", 0)
    state = await quiet(store, TICKETS)
    await _declared_otherwise(store)
    await _rebuilt(store, TICKETS, state["builds"])

    async def dropped() -> bool:
        return state["cells"] not in await database.list_collection_names()

    await until(dropped)
    await assert_exact(store)


async def test_who_was_overtaken_drops_nothing_that_is_newer(
    database: Database, store: Store
) -> None:
    other = Store(database, lease_seconds=60)
    late = await other.take(TICKETS, "late", by_force=True)
    assert late is not None
    async with late:
        state = await late.write({})
        newer = await other.take(TICKETS, "newer", by_force=True)
        assert newer is not None
        async with newer:
            built = await newer.new_cells()
            await built.insert_one({})
            await late.drop_before(late.cells(state["cells"]))
            assert await built.find_one() is not None
            # Nor what is read: it may be of long before, if builds failed since.
            for _ in range(3):
                await newer.new_cells()
            assert state["cells"] in await database.list_collection_names()


async def test_who_ends_lets_others_have_it_at_once(database: Database) -> None:
    # Where nobody else keeps any.
    alone = Store(database.client[f"{database.name}_alone"], lease_seconds=60)
    for owner in ("one", "another"):
        kept = await alone.take(TICKETS, owner)
        assert kept is not None
        async with kept:
            assert await alone.take(TICKETS, "a third") is None
        assert "session" not in await alone.state(TICKETS)
    await database.client.drop_database(alone.database)


async def test_leases_do_not_begin_anew_when_states_are_dropped(database: Database) -> None:
    alone = Store(database.client[f"{database.name}_alone"], lease_seconds=60)
    old = await alone.take(TICKETS, "one")
    assert old is not None
    cells = (await old.new_cells()).name
    await alone.states.drop()
    new = await alone.take(TICKETS, "one")
    assert new is not None
    async with old, new:
        with pytest.raises(Lost):
            await old.write({})
        assert (await new.new_cells()).name != cells
    await database.client.drop_database(alone.database)


async def test_cells_too_large_for_one_answer_come_in_several(database: Database) -> None:
    (rollup,) = (each for each in ROLLUPS if each.source is TicketOrder)
    alone = Store(database.client[f"{database.name}_alone"], lease_seconds=60)
    kept = await alone.take(rollup, "one")
    assert kept is not None
    # Each is in cells of two levels.
    documents = [RawBSONDocument(bson.encode({"event_id": f"{n:09d}" * 1000})) for n in range(1200)]
    async with kept:
        cells = await follow._deltas(kept, [{"weight": 1, "document": each} for each in documents])
    by_level = Counter[str]()
    for cell in cells:
        by_level[cell["level"]] += cell["documents"]
    assert by_level == dict.fromkeys((level.name for level in rollup.levels), len(documents))
    await database.client.drop_database(alone.database)


# ---------------------------------------------------------------- verifying


async def test_what_is_exact_differs_nowhere(database: Database, store: Store) -> None:
    await _fill(database)
    await assert_exact(store)
    for rollup in ROLLUPS:
        assert await verify(store, rollup) == []
        for _ in range(2):
            assert await verify_some(store, rollup) == []


async def _one_too_many(cells: Any) -> None:
    await cells.update_many({}, {"$inc": {"documents": 1}})


async def _none(cells: Any) -> None:
    await cells.delete_many({})


@pytest.mark.parametrize("spoil", [_one_too_many, _none])
@pytest.mark.parametrize("rollup", ROLLUPS, ids=lambda rollup: rollup.source.__name__)
async def test_wrong_cells_are_found_not_read_and_built_anew(
    database: Database,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    rollup: Rollup,
    spoil: Callable[[Any], Awaitable[None]],
) -> None:
    await _fill(database)
    await assert_exact(store)
    state = await store.state(rollup)
    await spoil(database[state["cells"]])
    for _ in range(50):
        # Not the first time, perhaps: what chance picks may be in no cell, as a deleted ticket.
        if await verify_some(store, rollup):
            break
    after = await store.state(rollup)
    assert "cells" not in after or after["builds"] > state["builds"]
    assert after["differences"] > state.get("differences", 0)
    await assert_exact(store)
    assert (await store.state(rollup))["builds"] == state["builds"] + 1


async def test_a_keeper_finds_wrong_cells_by_itself(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    await _fill(database)
    await assert_exact(store)
    monkeypatch.setattr(keep, "CHECK_SECONDS", 0.05)
    # From now on: who checks sleeps.
    await _as_if(store, {})
    state = await quiet(store, TICKETS)
    await database[state["cells"]].update_many({}, {"$inc": {"measures.tickets": 1}})
    await _rebuilt(store, TICKETS, state["builds"])
    await assert_exact(store)
    assert "a kept cell is wrong" in capsys.readouterr().out
