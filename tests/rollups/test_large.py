"""Cells too large for the smallest cache are written in several transactions."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from bson import Timestamp
from pymongo import AsyncMongoClient, MongoClient

from documents.ticket import Ticket
from rollups.keeper.cell_collections import create_indexes, new_cells
from rollups.keeper.lease import acquire
from rollups.keeper.store import RollupStore
from rollups.keeper.sweep import sweep
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.commands import PATIENCE, Mongod, environment, run
from tests.forks import Command
from tests.rollups.conftest import Database

_NAME: Final = "large"
_ORDERS: Final = 1000
_CELLS: Final = 6000

State = dict[str, Any]


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB with the smallest possible cache: 256 MB."""
    options = ("--replSet", "r", "--wiredTigerCacheSizeGB", "0.25")
    with Mongod(tmp_path_factory.mktemp("large"), *options) as mongod:
        mongod.initiate()
        yield mongod


@contextmanager
def _maintaining(folder: Path, settings: dict[str, str]) -> Iterator[Path]:
    """Runs a process that maintains rollups; yields its log file."""
    log = folder / "log"
    with (
        log.open("w") as output,
        Command(("rollups", "run"), folder, environment(settings), output),
    ):
        yield log


def _until_reached(client: MongoClient[dict[str, Any]], time_: Timestamp, builds: int) -> State:
    """Waits until the orders' rollup has `builds` builds and reaches `time_`; returns its state."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = client[_NAME]["headcount_rollups"].find_one({"rollup": f"{_NAME}.ticket_orders"})
        assert state is not None
        if state["builds"] == builds and state.get("cells") and state["position"] >= time_:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one transaction"])
def test_changes_whose_cells_are_large_are_followed(
    mongod: Mongod, tmp_path: Path, at_once: bool
) -> None:
    settings = {"HEADCOUNT_MONGODB_URI": mongod.uri, "HEADCOUNT_DATABASE": _NAME}
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(_NAME)
        assert run(tmp_path, "rollups", "build", **settings).returncode == 0
        orders = [{"event_id": f"{number:09d}" * 1000} for number in range(_ORDERS)]
        # Written before the keeper starts, so all come in one batch.
        with client.start_session() as session:
            if at_once:
                with session.start_transaction():
                    client[_NAME]["ticket_orders"].insert_many(orders, session=session)
            else:
                client[_NAME]["ticket_orders"].insert_many(orders, session=session)
            written = session.operation_time
        assert written is not None
        with _maintaining(tmp_path, settings) as log:
            state = _until_reached(client, written, builds=2 if at_once else 1)
    # Changes of one cluster time are never split: then the rollup is rebuilt.
    assert ("too large for a transaction" in log.read_text()) is at_once
    if not at_once:
        assert state["changes"] == _ORDERS
    verified = run(tmp_path, "rollups", "verify", **settings)
    assert verified.returncode == 0, verified.stdout[-300:]


async def test_large_empty_cells_are_swept(mongod: Mongod, database: Database) -> None:
    (rollup,) = (each for each in DEFAULT_ROLLUPS if each.source is Ticket)
    # The fixture `database` binds the documents; the name of the rollup starts with the database's.
    assert rollup.name.startswith(database.name)
    async with AsyncMongoClient[dict[str, Any]](mongod.uri) as client:
        lease = await acquire(RollupStore(client["swept"]), rollup, "one")
        assert lease is not None
        async with lease:
            cells, _ = await new_cells(lease)
            await create_indexes(cells, rollup)
            await lease.update({"cells": cells.name})
            empty = [
                {"level": "a", "key": f"{number:09d}" * 1000, "documents": 0}
                for number in range(_CELLS)
            ]
            await cells.insert_many(empty)
            async with asyncio.timeout(PATIENCE):
                await sweep(lease, cells)
            assert await cells.find_one() is None
