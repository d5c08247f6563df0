"""Cells stay exact under load when keepers are killed or frozen, and when MongoDB is killed."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from documents import DOCUMENTS
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.commands import PATIENCE, Mongod
from tests.profiles import PROFILE
from tests.rollups.follower import assert_cells_are_exact, following

_NAME: Final = "crashes"


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A replica set that can be killed and started again at the same address."""
    with Mongod(tmp_path, "--replSet", "r") as mongod:
        mongod.initiate()
        yield mongod


class _Load:
    """Random writes, one at a time, in a separate thread."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._chance = random.Random(6)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failure: BaseException | None = None
        self.writes = 0

    def __enter__(self) -> "_Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def has_written(self, times: int) -> Callable[[], bool]:
        """The condition that more than `times` writes were made."""
        return lambda: self.writes > times

    def _run(self) -> None:
        with MongoClient[dict[str, Any]](self._uri) as client:
            while not self._ended.wait(0.002):
                # A test may have killed MongoDB.
                with suppress(PyMongoError):
                    self._write(client[_NAME])
                    self.writes += 1

    def _write(self, database: Database[dict[str, Any]]) -> None:
        chance = self._chance
        if chance.random() < 0.8:
            self._change(database, None)
            return
        with database.client.start_session() as session, session.start_transaction():
            for _ in range(chance.randrange(1, 5)):
                self._change(database, session)
            if chance.random() < 0.5:
                session.abort_transaction()

    def _change(self, database: Database[dict[str, Any]], session: Any) -> None:
        chance = self._chance
        name = chance.choice([*_MAKE])
        collection, key = database[name], chance.randrange(300)
        made = _MAKE[name](chance)
        kind = chance.randrange(4)
        if kind == 0:
            collection.insert_many(
                [_MAKE[name](chance) for _ in range(chance.randrange(1, 20))], session=session
            )
        elif kind == 1:
            collection.update_one({"key": key}, {"$set": made}, upsert=True, session=session)
        elif kind == 2:
            collection.replace_one({"key": key}, {"key": key, **made}, upsert=True, session=session)
        else:
            collection.delete_one({"key": key}, session=session)


_EVENTS: Final = [ObjectId() for _ in range(20)]
_Make = Callable[[random.Random], dict[str, Any]]


def _ticket(chance: random.Random) -> dict[str, Any]:
    return {
        "event_id": chance.choice(_EVENTS),
        "status": chance.choice(["available", "consumed", None]),
        "ticket_order_id": chance.choice([None, 1]),
        "promo_code_id": chance.choice([None, 1, 2]),
        "wallet": chance.choice([None, {"status": "DELETED"}, {"status": "ACTIVATED"}]),
    }


def _order(chance: random.Random) -> dict[str, Any]:
    return {
        "event_id": chance.choice(_EVENTS),
        "payment_status": chance.choice(["CONFIRMED", "PENDING", "succeeded"]),
        "gateway": chance.choice(["asaas", "stripe"]),
        "amount_cents": chance.choice([100, 12.5, None]),
        "ticket_count": chance.randrange(4),
    }


def _event(chance: random.Random) -> dict[str, Any]:
    return {
        "event_type": chance.choice(["product_view", "purchase", "payment_error"]),
        "product_slug": chance.choice(["cap", "mug", None]),
        "price": chance.choice(["10.5", 3, None]),
        "created_at": datetime(2026, 5, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(9000)),
    }


def _user(chance: random.Random) -> dict[str, Any]:
    return {"role": chance.choice(["customer", "admin", None])}


def _code(chance: random.Random) -> dict[str, Any]:
    return {"code_type": chance.choice(["a", "b"]), "is_active": chance.choice([True, False])}


_MAKE: Final[dict[str, _Make]] = {
    "tickets": _ticket,
    "ticket_orders": _order,
    "analytics_events": _event,
    "users": _user,
    "promo_codes": _code,
}


def _states(uri: str) -> dict[str, dict[str, Any]]:
    with MongoClient[dict[str, Any]](uri) as client:
        return {state["_id"]: state for state in client[_NAME]["headcount_rollups"].find()}


def _until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _built(uri: str) -> bool:
    states = _states(uri)
    return len(states) == len(DEFAULT_ROLLUPS) and all(
        state.get("cells") for state in states.values()
    )


def test_cells_are_exact_after_kills(mongod: Mongod, tmp_path: Path) -> None:
    sources = {rollup.source for rollup in DEFAULT_ROLLUPS}
    followed = {name for name, document in DOCUMENTS.items() if document in sources}
    assert followed == {*_MAKE}, "_MAKE needs a function for each collection that has a rollup"
    chance = random.Random(7)
    with (
        following(mongod.uri, _NAME, tmp_path, processes=2) as followers,
        _Load(mongod.uri) as load,
    ):
        _until(lambda: _built(mongod.uri))
        before = _states(mongod.uri)
        for number in range(PROFILE.kills):
            time.sleep(chance.uniform(0, 0.5))
            _until(load.has_written(10 * (number + 1)))
            if number == PROFILE.kills // 2:
                mongod.kill()
                mongod.start()
            followers.replace(chance.randrange(2))
    with following(mongod.uri, _NAME, tmp_path, processes=2):
        assert_cells_are_exact(mongod.uri, _NAME)
    after = _states(mongod.uri)
    for name, state in after.items():
        assert state["builds"] == before[name]["builds"]
        assert state["changes"] > before[name].get("changes", 0)
        assert state["fencing_token"] > before[name]["fencing_token"]


def test_a_keeper_frozen_past_its_lease_writes_nothing(mongod: Mongod, tmp_path: Path) -> None:
    with following(mongod.uri, _NAME, tmp_path, processes=2) as followers, _Load(mongod.uri):
        _until(lambda: _built(mongod.uri))
        for _ in range(PROFILE.freezes):
            states = _states(mongod.uri)
            holder = next(
                process
                for process in followers.running
                if any(state["owner"].endswith(f":{process.pid}") for state in states.values())
            )
            mine = {
                name for name, state in states.items() if state["owner"].endswith(f":{holder.pid}")
            }
            assert holder.pid is not None
            refused = followers.log(holder).count("another process took the lease")
            os.kill(holder.pid, signal.SIGSTOP)

            def taken(mine: set[str] = mine, holder: BaseProcess = holder) -> bool:
                now = _states(mongod.uri)
                return not any(now[name]["owner"].endswith(f":{holder.pid}") for name in mine)

            _until(taken)
            os.kill(holder.pid, signal.SIGCONT)

            def lease_lost(holder: BaseProcess = holder, refused: int = refused) -> bool:
                return followers.log(holder).count("another process took the lease") > refused

            _until(lease_lost)
    with following(mongod.uri, _NAME, tmp_path, processes=2):
        assert_cells_are_exact(mongod.uri, _NAME)
