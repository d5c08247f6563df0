"""`serve` reads secondaries that lag, and answers while there is no primary."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from pymongo import WriteConcern

from tests.commands import PATIENCE, Mongod, running
from tests.conftest import SECRET, token
from tests.forks import READ_CELLS, Command
from tests.replica_set import Client, ReplicaSet

_EVENTS: Final = "{ eventsOverview { totalEvents } }"
_SALES: Final = "{ dashboardStats { totalSales } }"
# What a server may remember of the primary's newest write, and a request that shares a read.
_UP_TO_DATE_MS: Final = 300


def _post(url: str, query: str, **extensions: object) -> Any:
    response = httpx.post(
        f"{url}/graphql",
        json={"query": query, "extensions": extensions},
        headers={"authorization": f"Bearer {token(role='admin')}"},
        timeout=PATIENCE,
    )
    return response.json()


def _read(url: str, query: str, **extensions: object) -> tuple[int, dict[str, Any]]:
    """The only number of an answer, and the freshness of its only cube."""
    answer = _post(url, query, **extensions)
    assert "errors" not in answer, answer
    (fields,) = answer["data"].values()
    (number,) = fields.values()
    (freshness,) = answer["extensions"]["freshness"]
    return number, freshness


def _await(url: str, query: str, number: int, source: str, lag_ms: float = 2000) -> None:
    """Waits for an answer that is no later than that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found, freshness = _read(url, query)
        if (found, freshness["source"]) == (number, source) and freshness["lagMs"] <= lag_ms:
            return
        assert time.monotonic() < deadline, (found, freshness)
        time.sleep(0.02)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    folder = tmp_path_factory.mktemp("members")
    with ReplicaSet(folder, election_seconds=2) as members:
        yield members


class Shop:
    """A database with one event, for one test."""

    def __init__(self, members: ReplicaSet, client: Client, folder: Path) -> None:
        members.await_members()
        self.members = members
        self.late = members.secondaries[0]
        self.documents = client[f"headcount_{uuid4().hex[:12]}"]
        self._folder = folder
        self.insert("events", members=3)

    def insert(self, collection: str, members: int = 2, **fields: Any) -> None:
        """Inserts a document that so many members have."""
        concern = WriteConcern(members)
        self.documents[collection].with_options(write_concern=concern).insert_one(fields)

    def serve(
        self, member: Mongod | None = None, preference: str = "secondary", rollups: str = "off"
    ) -> AbstractContextManager[tuple[Command, str]]:
        """A server that reads a secondary; by default any of them."""
        uri = f"{self.members.uri}&readPreference={preference}&heartbeatFrequencyMS=500"
        if member is not None:
            uri += f"&readPreferenceTags=member:{self.members.members.index(member)}"
        return running(
            self._folder,
            "serve",
            HEADCOUNT_MONGODB_URI=uri,
            HEADCOUNT_DATABASE=self.documents.name,
            HEADCOUNT_ROLLUPS=rollups,
            HEADCOUNT_JWT_SECRET=SECRET,
            **READ_CELLS,
        )


@pytest.fixture
def shop(members: ReplicaSet, tmp_path: Path) -> Iterator[Shop]:
    with Client(members.uri) as client:
        shop = Shop(members, client, tmp_path)
        yield shop
        client.drop_database(shop.documents)


def test_an_idle_secondary_is_up_to_date(shop: Shop) -> None:
    with shop.serve(shop.late) as (_, url):
        # The newest cluster time gets this old.
        time.sleep(2)
        _await(url, _EVENTS, 1, "LIVE", _UP_TO_DATE_MS)
        (events,) = (
            each
            for each in _post(url, "{ freshness { cube lagMs } }")["data"]["freshness"]
            if each["cube"] == "events"
        )
        assert events["lagMs"] <= _UP_TO_DATE_MS


def test_a_secondary_that_lags_says_so(shop: Shop) -> None:
    with shop.serve(shop.late) as (_, url), shop.members.paused(shop.late):
        shop.insert("events")
        missing_since = time.monotonic()
        for _ in range(10):
            time.sleep(0.2)
            missing_ms = 1000 * (time.monotonic() - missing_since)
            asked_at = datetime.now(UTC)
            events, freshness = _read(url, _EVENTS)
            assert (events, freshness["source"]) == (1, "LIVE")
            assert freshness["lagMs"] >= int(missing_ms)
            as_of = datetime.fromisoformat(freshness["asOf"])
            assert as_of <= asked_at - timedelta(milliseconds=missing_ms)
            found = _post(url, "{ freshness { cube lagMs } }")["data"]["freshness"]
            assert all(each["lagMs"] >= int(missing_ms) for each in found)
        # The client reads its own write.
        after = datetime.now(UTC).isoformat()
        events, freshness = _read(url, _EVENTS, readAfter=after)
        assert (events, freshness["lagMs"]) == (2, 0)
    with shop.serve(shop.late) as (_, url):
        _await(url, _EVENTS, 2, "LIVE", _UP_TO_DATE_MS)


def test_cells_and_edges_are_not_read_from_a_secondary_that_lags(shop: Shop) -> None:
    def buy(at: datetime) -> None:
        shop.insert("analytics_events", event_type="purchase", created_at=at)

    buy(datetime.now(UTC) - timedelta(days=2))
    with shop.serve(shop.late, rollups="on") as (_, url):
        _await(url, _SALES, 1, "ROLLUP")
        with shop.members.paused(shop.late):
            buy(datetime.now(UTC) - timedelta(days=2))
            _await(url, _SALES, 2, "ROLLUP")
            # In the edge of the window.
            buy(datetime.now(UTC))
            _await(url, _SALES, 3, "ROLLUP")


def test_a_collection_without_snapshots_is_read_from_a_secondary(shop: Shop) -> None:
    shop.documents.drop_collection("events")
    shop.documents.create_collection("events", capped=True, size=100_000)
    shop.insert("events", members=3)
    with shop.serve(shop.late) as (_, url):
        _await(url, _EVENTS, 1, "LIVE")


def test_without_a_primary_a_secondary_is_counted(shop: Shop) -> None:
    shop.insert("analytics_events", 3, event_type="purchase", created_at=datetime.now(UTC))
    first, *others = shop.members.members
    with (
        shop.serve(preference="secondaryPreferred", rollups="on") as (_, url),
        shop.serve(preference="primary", rollups="on") as (_, url_of_primary),
    ):
        _await(url, _SALES, 1, "ROLLUP")
        for member in others:
            member.kill()
        # Alone it can't be primary.
        while first not in shop.members.secondaries:
            time.sleep(0.05)
        try:
            for _ in range(5):
                for query in (_SALES, _EVENTS):
                    number, freshness = _read(url, query)
                    assert (number, freshness["source"]) == (1, "LIVE")
            assert httpx.get(f"{url}/readyz").status_code == 200
            (error,) = _post(url_of_primary, _SALES)["errors"]
            assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
            assert httpx.get(f"{url_of_primary}/readyz").status_code == 503
        finally:
            for member in others:
                member.start()
        _await(url, _SALES, 1, "ROLLUP")


def test_a_frozen_primary_is_replaced(shop: Shop) -> None:
    shop.insert("analytics_events", event_type="purchase", created_at=datetime.now(UTC), members=3)
    with shop.serve(preference="secondaryPreferred", rollups="on") as (_, url):
        _await(url, _SALES, 1, "ROLLUP")
        with shop.members.frozen(shop.members.primary):
            for _ in range(20):
                assert _read(url, _SALES)[0] == 1
