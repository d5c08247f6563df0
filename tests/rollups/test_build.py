"""Builds in ranges: exact under writes, with `_id`s of all types, after kills and with pauses."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from bson import Binary, Decimal128, MaxKey, MinKey, ObjectId, Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from cancelling import cancel
from documents.reads import SNAPSHOT_TOO_OLD, AsOf
from documents.ticket import Ticket
from errors import StartupError
from rollups.keeper import build as building
from rollups.keeper import cluster_time, follow, parts
from rollups.keeper.cell_collections import all_builds
from rollups.keeper.cluster_time import MajorityTime
from rollups.keeper.gap import Gap
from rollups.keeper.lease import acquire
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.commands import PATIENCE, Mongod
from tests.rollups.conftest import Database, assert_exact, caught_up, until
from tests.rollups.follower import assert_cells_are_exact, following, states

(TICKETS,) = (rollup for rollup in DEFAULT_ROLLUPS if rollup.source is Ticket)

_EVENTS: Final = [ObjectId() for _ in range(5)]
_KINDS: Final[list[Callable[[int], Any]]] = [
    lambda number: number,
    lambda number: number + 0.5,
    lambda number: Decimal128(f"{number}.25"),
    lambda number: f"{number:04d}",
    lambda number: {"a": number, "b": None},
    lambda number: Binary(number.to_bytes(4, "big")),
    lambda number: datetime.fromtimestamp(number, UTC),
    lambda number: Timestamp(number + 1, 1),
    lambda _: ObjectId(),
]
_SINGLE: Final[list[Any]] = [None, True, False, MinKey(), MaxKey(), float("nan"), float("-inf")]


def _ids(count: int) -> list[Any]:
    return [*_SINGLE, *(_KINDS[number % len(_KINDS)](number) for number in range(count))]


async def _write(database: Database, ids: list[Any], seed: int) -> None:
    """Changes random documents, for ever, in transactions too."""
    chance = random.Random(seed)
    tickets = database["tickets"]

    async def change(session: Any = None) -> None:
        key = {"_id": {"$eq": chance.choice(ids)}}
        event = {"event_id": chance.choice(_EVENTS), "status": chance.choice(["consumed", None])}
        if chance.random() < 0.3:
            await tickets.delete_one(key, session=session)
        else:
            await tickets.update_one(key, {"$set": event}, upsert=True, session=session)

    async with database.client.start_session() as session:
        while True:
            await change()
            async with await session.start_transaction():
                for _ in range(5):
                    await change(session)
            await asyncio.sleep(0.002)


async def _insert(database: Database, ids: list[Any]) -> None:
    await database["tickets"].delete_many({})
    await database["tickets"].insert_many(
        [{"_id": each, "event_id": _EVENTS[n % 5]} for n, each in enumerate(ids)]
    )


@asynccontextmanager
async def _writing(database: Database, ids: list[Any]) -> AsyncIterator[None]:
    await _insert(database, ids)
    writing = asyncio.create_task(_write(database, ids, 4))
    try:
        yield
        assert not writing.done()
    finally:
        await cancel(writing)


async def _rebuilt(database: Database, share: float = 1) -> None:
    """Builds the tickets' cells as the command does: the keeper goes on with the new cells."""
    # The lease outlasts the build on a slow machine, too.
    store = RollupStore(database, lease_seconds=PATIENCE, build_share=share)
    lease = await acquire(store, TICKETS, "a build", by_force=True)
    assert lease is not None
    async with lease:
        await building.build(lease)


@pytest.mark.parametrize("share", [1, 0.5])
async def test_a_build_in_ranges_is_exact_under_writes(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(building, "RANGE_DOCUMENTS", 60)
    monkeypatch.setattr(building, "THROTTLED_RANGE_DOCUMENTS", 60)
    await caught_up(store, TICKETS)
    ids = _ids(400)
    before = await store.state(TICKETS)
    async with _writing(database, ids):
        await _rebuilt(database, share)
    after = await caught_up(store, TICKETS)
    # At least three parts, and the cells.
    assert after["collections"] - before["collections"] > 3
    assert after["builds"] == before["builds"] + 1
    await assert_exact(store, TICKETS)


async def test_a_range_ends_at_the_last_id_of_a_collation(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "RANGE_DOCUMENTS", 3)
    await caught_up(store, TICKETS)
    await database["tickets"].drop()
    await database.create_collection("tickets", collation={"locale": "en", "strength": 3})
    letters = [f"{letter}{number}" for number in range(3) for letter in "aäbBcCzZ"]
    await database["tickets"].insert_many([{"_id": each, "event_id": 1} for each in letters])
    await assert_exact(store, TICKETS)
    await database["tickets"].drop()
    await assert_exact(store, TICKETS)


async def _has_a_part(store: RollupStore) -> bool:
    return bool((await store.state(TICKETS)).get("building"))


async def test_a_collection_that_is_renamed_during_its_build_is_a_gap(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "RANGE_DOCUMENTS", 20)
    await caught_up(store, TICKETS)
    tickets = database["tickets"]

    async def rename() -> None:
        await until(lambda: _has_a_part(store))
        await tickets.rename("elsewhere")
        await database["elsewhere"].insert_one({"_id": "meanwhile", "event_id": 1})
        await database["elsewhere"].rename("tickets")

    await _insert(database, [*range(400)])
    renaming = asyncio.create_task(rename())
    with pytest.raises(Gap):
        await _rebuilt(database)
    await renaming
    await assert_exact(store, TICKETS)


async def test_a_forced_build_that_was_killed_leaves_nothing(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "RANGE_DOCUMENTS", 20)
    monkeypatch.setattr(follow, "SWEEP_SECONDS", 0)
    await _insert(database, [*range(2_000)])
    cells = (await caught_up(store, TICKETS))["cells"]
    killed = asyncio.create_task(_rebuilt(database))
    await until(lambda: _has_a_part(store))
    await cancel(killed)

    async def only_cells_are_left() -> bool:
        builds = [each for each in await all_builds(store) if each.rollup == TICKETS.name]
        return [each.collection for each in builds] == [cells]

    await until(only_cells_are_left)
    state = await caught_up(store, TICKETS)
    assert (state["cells"], state["building"]) == (cells, None)
    await assert_exact(store, TICKETS)


@pytest.fixture
async def expired(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has the next ranges read as of a time that MongoDB can't read any more."""
    admin = database.client.admin
    default = await admin.command("getParameter", 1, minSnapshotHistoryWindowInSeconds=1)
    await _insert(database, [*range(5_000)])
    expired = await cluster_time.majority_time(database)
    as_of = database["tickets"].with_options(read_concern=AsOf(expired.cluster_time))

    async def is_gone() -> bool:
        await database["tickets"].update_one({"_id": 1}, {"$inc": {"writes": 1}})
        try:
            await as_of.find_one()
        except OperationFailure as error:
            return error.code == SNAPSHOT_TOO_OLD
        return False

    left = 0

    def next_ranges(number: int) -> None:
        nonlocal left
        left = number

    async def majority_time(database: Database) -> MajorityTime:
        nonlocal left
        left -= 1
        return expired if left >= 0 else await cluster_time.majority_time(database)

    monkeypatch.setattr(parts, "majority_time", majority_time)
    await admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=0)
    await until(is_gone)
    window = default["minSnapshotHistoryWindowInSeconds"]
    await admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=window)
    return next_ranges


async def test_ranges_get_smaller_until_snapshots_are_long_enough(
    database: Database, store: RollupStore, expired: Callable[[int], None]
) -> None:
    before = await caught_up(store, TICKETS)
    expired(1)
    await _rebuilt(database)
    after = await store.state(TICKETS)
    # The part that failed, five ranges of a quarter of the documents at most, and the cells.
    assert after["collections"] - before["collections"] in (6, 7)
    await assert_exact(store, TICKETS)


async def test_snapshots_too_short_for_any_range_are_an_error(
    database: Database, store: RollupStore, expired: Callable[[int], None]
) -> None:
    await caught_up(store, TICKETS)
    expired(1_000)
    with pytest.raises(StartupError, match="minSnapshotHistoryWindowInSeconds"):
        await _rebuilt(database)
    expired(0)
    await assert_exact(store, TICKETS)


async def test_a_build_reads_as_of_a_later_time_where_mongodb_refuses_one(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caught_up(store, TICKETS)
    await _insert(database, [*range(100)])
    # MongoDB can't read a collection as of a time before it was renamed.
    times = [await cluster_time.majority_time(database)]
    await database["tickets"].rename("elsewhere")
    await database["elsewhere"].rename("tickets")

    async def majority_time(database: Database) -> MajorityTime:
        return times.pop() if times else await cluster_time.majority_time(database)

    monkeypatch.setattr(parts, "majority_time", majority_time)
    await _rebuilt(database)
    assert not times
    await assert_exact(store, TICKETS)


def test_a_killed_build_goes_on_at_its_range(tmp_path: Path) -> None:
    with Mongod(tmp_path, "--replSet", "r") as mongod:
        mongod.initiate()
        with MongoClient[dict[str, Any]](mongod.uri) as client:
            database = client["killed"]
            tickets = database["tickets"]
            tickets.insert_many({"_id": n, "event_id": n % 7} for n in range(2_000))

            def built() -> list[str]:
                found = [one for one in states(database) if one["rollup"] == "killed.tickets"]
                building = (found[0].get("building") or {}) if found else {}
                return [name for name, _ in building.get("parts", ())]

            def until(condition: Callable[[], bool]) -> None:
                deadline = time.monotonic() + PATIENCE
                while not condition():
                    assert time.monotonic() < deadline
                    time.sleep(0.005)

            with following(mongod.uri, "killed", tmp_path, range_documents=100):
                until(lambda: len(built()) >= 2)
            before = built()
            # Documents of ranges that were read, and of ranges that were not.
            tickets.update_many({"_id": {"$mod": [3, 0]}}, {"$set": {"event_id": 8}})
            tickets.delete_many({"_id": {"$mod": [5, 0]}})
            with following(mongod.uri, "killed", tmp_path, range_documents=100):
                until(lambda: len(built()) > len(before))
                assert built()[: len(before)] == before
                assert_cells_are_exact(mongod.uri, "killed")
