"""Faults of MongoDB: an answer is right, or says that the database is away; then all is well."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.commands import PATIENCE, Mongod, guarded_mongod, running
from tests.conftest import SECRET, token
from tests.mongodb_faults import (
    Fault,
    all_killed,
    cut,
    frozen,
    killed,
    silent,
    slow,
    stepped_down,
)
from tests.replica_set import ReplicaSet

_RIGHT: Final = "right"
_AWAY: Final = "SERVICE_UNAVAILABLE"
_ORDERS: Final = 7
_HEADERS: Final = {"authorization": f"Bearer {token(role='admin')}"}


class Shop:
    """A server, and what its answers are."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, headers=_HEADERS, timeout=PATIENCE)

    def ask(self) -> str:
        """`right`, or the code of the answer's error; asserts that it is one of the two."""
        body = self._client.post(
            "/graphql", json={"query": "{ orderStats { totalOrders } }"}
        ).json()
        if body["data"]["orderStats"] is not None:
            assert body["data"] == {"orderStats": {"totalOrders": _ORDERS}}
            return _RIGHT
        (error,) = body["errors"]
        code: str = error["extensions"]["code"]
        assert code == _AWAY, error
        return code

    def ready(self) -> bool:
        """Whether a load balancer would send requests here."""
        status = self._client.get("/readyz").status_code
        assert status in (200, 503)
        return status == 200

    def asked_for(self, seconds: float) -> Counter[str]:
        """Answers for some seconds."""
        found = Counter[str]()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found[self.ask()] += 1
            assert self._client.get("/healthz").status_code == 200
        return found

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def until_well(self) -> None:
        """Waits until the server answers again, without a restart."""
        deadline = time.monotonic() + PATIENCE
        while not (self.ready() and self.ask() == _RIGHT):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert self.asked_for(0.5).keys() == {_RIGHT}


def _serving(folder: Path, uri: str, **more: str) -> AbstractContextManager[tuple[Any, str]]:
    settings = {
        "HEADCOUNT_MONGODB_URI": uri,
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_ROLLUPS": "off",
        "HEADCOUNT_REQUEST_TIMEOUT": "3",
    }
    return running(folder, "serve", **(settings | more))


def _fill(client: MongoClient[dict[str, Any]]) -> None:
    client["headcount"]["ticket_orders"].insert_many([{"_id": n} for n in range(_ORDERS)])


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("faults"), election_seconds=1) as members:
        with MongoClient[dict[str, Any]](members.uri, w=3) as client:
            _fill(client)
        yield members


@pytest.fixture(scope="module")
def shop(members: ReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    uri = f"{members.uri}&heartbeatFrequencyMS=500&serverSelectionTimeoutMS=1000"
    with _serving(tmp_path_factory.mktemp("shop"), uri) as (_, url), closing(Shop(url)) as shop:
        yield shop


@pytest.mark.parametrize(
    ("fault", "seconds", "answers"),
    [
        (killed, 4, {_RIGHT, _AWAY}),
        (all_killed, 4, {_AWAY}),
        (stepped_down, 2, {_RIGHT, _AWAY}),
        (frozen, 20, {_RIGHT, _AWAY}),
        (slow, 2, {_RIGHT}),
        (silent, 8, {_AWAY}),
        (cut, 2, {_AWAY}),
    ],
    ids=["killed", "all killed", "stepped down", "frozen", "slow", "silent", "cut"],
)
def test_a_fault_leads_to_no_wrong_answer_and_no_restart(
    members: ReplicaSet, shop: Shop, fault: Fault, seconds: float, answers: set[str]
) -> None:
    shop.until_well()
    with fault(members):
        found = shop.asked_for(seconds)
    assert found.keys() <= answers
    if _RIGHT in answers:
        assert found[_RIGHT] > 0
    shop.until_well()


def test_a_mongod_without_free_connections_is_away(tmp_path: Path) -> None:
    with ExitStack() as stack:
        mongod = stack.enter_context(Mongod(tmp_path, "--replSet", "r", "--maxConns", "30"))
        mongod.initiate()
        with MongoClient[dict[str, Any]](mongod.uri) as client:
            _fill(client)
        uri = f"{mongod.uri}&serverSelectionTimeoutMS=1000&maxIdleTimeMS=100"
        _, url = stack.enter_context(_serving(tmp_path, uri))
        shop = stack.enter_context(closing(Shop(url)))
        shop.until_well()
        with ExitStack() as others:
            deadline = time.monotonic() + PATIENCE
            while shop.ask() == _RIGHT:
                assert time.monotonic() < deadline
                other = MongoClient[dict[str, Any]](mongod.uri, serverSelectionTimeoutMS=100)
                others.enter_context(other)
                with suppress(PyMongoError):
                    other.admin.command("ping")
            assert shop.asked_for(1).keys() <= {_RIGHT, _AWAY}
        shop.until_well()


def test_a_mongod_that_refuses_the_password_is_away(tmp_path: Path) -> None:
    with guarded_mongod(tmp_path, "readWrite") as (uri, root):
        _fill(root)
        uri = f"{uri}&maxIdleTimeMS=100&serverSelectionTimeoutMS=1000"
        with _serving(tmp_path, uri) as (_, url), closing(Shop(url)) as shop:
            shop.until_well()
            root.admin.command("updateUser", "limited", pwd="another")
            time.sleep(0.5)
            assert _AWAY in shop.asked_for(2)
            root.admin.command("updateUser", "limited", pwd="only")
            shop.until_well()
