"""`serve` maintains and reads rollups if MongoDB and the rights of the user allow it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from bson import ObjectId
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database

from tests.commands import PATIENCE, Mongod, guarded_mongod, run, running
from tests.conftest import SECRET, token

_ORDERS = "{ orderStats { totalOrders } }"

Mongo = Database[dict[str, Any]]


@pytest.fixture
def documents(mongodb_uri: str) -> Iterator[Mongo]:
    """A database with ten orders, for one test."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client[f"headcount_served_{uuid4().hex[:12]}"]
        database["ticket_orders"].insert_many([{"event_id": ObjectId()} for _ in range(10)])
        yield database
        client.drop_database(database)


@pytest.fixture
def settings(mongodb_uri: str, documents: Mongo) -> dict[str, str]:
    return {
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": documents.name,
        "HEADCOUNT_JWT_SECRET": SECRET,
    }


def _post(url: str, query: str, **extensions: object) -> Any:
    response = httpx.post(
        f"{url}/graphql",
        json={"query": query, "extensions": extensions},
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    return response.json()


def _orders(url: str, **extensions: object) -> tuple[int, str]:
    """The number of orders, and the source in its freshness: ROLLUP or LIVE."""
    answer = _post(url, _ORDERS, **extensions)
    (orders,) = answer["extensions"]["freshness"]
    assert orders["cube"] == "orders"
    return answer["data"]["orderStats"]["totalOrders"], orders["source"]


def _freshness(url: str) -> dict[str, dict[str, Any]]:
    """Cube → what `freshness` says of it."""
    found = _post(url, "{ freshness { cube source asOf lagMs } }")["data"]["freshness"]
    return {each["cube"]: each for each in found}


def _until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_reads_the_cells_that_it_maintains(
    tmp_path: Path, documents: Mongo, settings: dict[str, str]
) -> None:
    with running(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings) as (_, url):
        _until(lambda: _orders(url) == (10, "ROLLUP"))
        documents["ticket_orders"].insert_one({"event_id": ObjectId()})
        _until(lambda: _orders(url) == (11, "ROLLUP"))
        fresh = _freshness(url)
        while fresh["tickets"]["source"] != "ROLLUP":
            # On a busy machine the cells may be stale for a moment.
            fresh = _freshness(url)
        assert 0 <= fresh["tickets"]["lagMs"] <= 2000
        age = datetime.now(UTC) - datetime.fromisoformat(fresh["tickets"]["asOf"])
        assert timedelta() < age < timedelta(seconds=PATIENCE)
        assert fresh["events"]["source"] == "LIVE"
        assert fresh["events"]["lagMs"] == 0
        figures = httpx.get(f"{url}/metrics").text
        name = f'{{rollup="{documents.name}.ticket_orders"}}'
        assert f"headcount_rollup_changes_total{name} 1.0" in figures
        assert f"headcount_rollup_batches_total{name} 1.0" in figures
        assert f"headcount_rollup_builds_total{name} 1.0" in figures
        assert f"headcount_rollup_differences_total{name} 0.0" in figures
        assert f"headcount_rollup_lag_seconds{name} " in figures


def test_status_says_how_often_levels_were_read(
    tmp_path: Path, documents: Mongo, settings: dict[str, str]
) -> None:
    def status() -> str:
        return run(tmp_path, "rollups", "status", **settings).stdout

    with running(tmp_path, "serve", **settings) as (_, url):
        _until(lambda: _orders(url) == (10, "ROLLUP"))
        for _ in range(4):
            _orders(url)
        _until(lambda: re.search(r"orders in total: .* [5-9] reads", status()) is not None)
        assert re.match(r"Reads of 1 server, the first since 20.* UTC\.", status())
        assert "orders by event: 10 cells" in status()
    # Servers that ended are forgotten.
    servers = documents["headcount_rollup_reads"]
    servers.update_many({}, [{"$set": {"seen_at": {"$subtract": ["$seen_at", 60_000]}}}])
    assert status().startswith("No server has recorded reads in the last minute.")
    with running(tmp_path, "serve", **settings):
        _until(lambda: status().startswith("Reads of 1 server"))
    assert servers.count_documents({}) == 1


def test_a_client_reads_its_own_writes(
    tmp_path: Path, documents: Mongo, settings: dict[str, str]
) -> None:
    with running(tmp_path, "serve", **settings) as (_, url):
        _until(lambda: _orders(url) == (10, "ROLLUP"))
        sources = set[str]()
        with documents.client.start_session() as session:
            for number in range(11, 31):
                documents["ticket_orders"].insert_one({"event_id": ObjectId()}, session=session)
                written = session.operation_time
                assert written is not None
                after = (
                    f"{written.time}:{written.inc}" if number % 2 else datetime.now(UTC).isoformat()
                )
                orders, source = _orders(url, readAfter=after)
                assert orders == number
                sources.add(source)
        # On a busy machine some answers are counted live.
        assert "ROLLUP" in sources


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("yesterday", "must be a cluster time"),
        ("2026-11-01T00:00:00", "with its offset"),
        ("4294967296:1", "must be a cluster time"),
        ("1:2:3", "must be a cluster time"),
        (17, "must be a cluster time"),
        ({"a": 1}, "must be a cluster time"),
        ("4000000000:1", "must not lie more than 2 s ahead"),
        ("2999-01-01T00:00:00Z", "must not lie more than 2 s ahead"),
    ],
    ids=str,
)
async def test_an_invalid_read_after_is_refused(
    http: httpx.AsyncClient, after: object, message: str
) -> None:
    response = await http.post(
        "/graphql",
        json={"query": _ORDERS, "extensions": {"readAfter": after}},
        headers={"authorization": f"Bearer {token(role='admin')}"},
    )
    (error,) = response.json()["errors"]
    assert "'readAfter'" in error["message"]
    assert message in error["message"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "data" not in response.json()


def test_a_server_without_rollups_counts_live(
    tmp_path: Path, documents: Mongo, settings: dict[str, str]
) -> None:
    with running(tmp_path, "serve", HEADCOUNT_ROLLUPS="off", **settings) as (_, url):
        assert _orders(url) == (10, "LIVE")
        ahead = datetime.now(UTC) + timedelta(seconds=1)
        assert _orders(url, readAfter=ahead.isoformat()) == (10, "LIVE")
        assert datetime.now(UTC) >= ahead
        assert "headcount_rollup" not in httpx.get(f"{url}/metrics").text
    assert documents.list_collection_names() == ["ticket_orders"]


def test_a_standalone_mongodb_is_counted_live(tmp_path: Path) -> None:
    with Mongod(tmp_path) as mongod:
        settings = {"HEADCOUNT_MONGODB_URI": mongod.uri, "HEADCOUNT_JWT_SECRET": SECRET}
        with running(tmp_path, "serve", **settings) as (process, url):
            assert _orders(url) == (0, "LIVE")
            assert _orders(url, readAfter="1:1") == (0, "LIVE")
            process.terminate()
            logged = process.communicate()[1]
        assert logged.count("stands alone") == 1
        assert "counted live" in logged
        refused = run(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings)
        assert refused.returncode == 1
        assert "Rollups need a replica set" in refused.stderr


def test_credentials_that_may_only_read_count_live(tmp_path: Path) -> None:
    with guarded_mongod(tmp_path, "read") as (uri, _):
        settings = {"HEADCOUNT_MONGODB_URI": uri, "HEADCOUNT_JWT_SECRET": SECRET}
        # Neither do they fail if they may not even read the database of rollups.
        elsewhere = {"HEADCOUNT_ROLLUPS_DATABASE": "elsewhere"}
        for more in ({}, elsewhere):
            with running(tmp_path, "serve", **settings, **more) as (process, url):
                assert _orders(url) == (0, "LIVE")
                process.terminate()
                logged = process.communicate()[1]
            # Once for each collection.
            assert logged.count("counted live") == 5
            assert logged.count("The credentials may not create headcount.") == 5
        refused = run(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings)
        assert refused.returncode == 1
        assert "The credentials may not create headcount." in refused.stderr
        assert "createCollection('analytics_events'" in refused.stderr


@pytest.fixture
def unfollowable(documents: Mongo) -> dict[str, str]:
    """Collections that can't be followed, and what they are."""
    documents["stored_users"].insert_one({"role": "admin"})
    documents.create_collection("users", viewOn="stored_users", pipeline=[])
    documents.create_collection("promo_codes", capped=True, size=1 << 20)
    documents.create_collection("analytics_events", timeseries={"timeField": "created_at"})
    documents["promo_codes"].insert_one({"code": "A"})
    return {
        "users": "a view",
        "promo_codes": "a capped collection",
        "analytics_events": "a time-series collection",
    }


def test_a_collection_that_cant_be_followed_is_counted_live_and_others_are_maintained(
    tmp_path: Path, documents: Mongo, settings: dict[str, str], unfollowable: dict[str, str]
) -> None:
    with running(tmp_path, "serve", **settings) as (process, url):
        _until(lambda: _orders(url) == (10, "ROLLUP"))
        _until(lambda: _freshness(url)["tickets"]["source"] == "ROLLUP")
        fresh = _freshness(url)
        assert {fresh[cube]["source"] for cube in ("users", "promo codes", "behaviour")} == {"LIVE"}
        answer = _post(url, "{ promoCodeStats { totalPromoCodes } metrics { totalAdmins } }")
        assert answer["data"] == {
            "promoCodeStats": {"totalPromoCodes": 1},
            "metrics": {"totalAdmins": 1},
        }
        shown = run(tmp_path, "rollups", "status", **settings).stdout.splitlines()
        process.terminate()
        logged = process.communicate()[1]
    for name, kind in unfollowable.items():
        reason = f"{documents.name}.{name} is {kind}: only an ordinary collection can be followed."
        assert logged.count(f"{documents.name}.{name} is {kind}") == 1
        assert f"{documents.name}.{name}: counted live. {reason}" in shown
    assert any(line.startswith(f"{documents.name}.tickets: lag ") for line in shown)


def test_commands_build_and_verify_the_collections_that_can_be_followed(
    tmp_path: Path, documents: Mongo, settings: dict[str, str], unfollowable: dict[str, str]
) -> None:
    for command in ("build", "verify"):
        done = run(tmp_path, "rollups", command, **settings)
        assert done.returncode == 0, done.stderr
        for name, kind in unfollowable.items():
            assert f"{documents.name}.{name}: counted live. {documents.name}.{name} is {kind}" in (
                done.stdout
            )
    assert f"{documents.name}.ticket_orders: exact" in done.stdout


@pytest.mark.parametrize("command", ["serve", "rollups run", "rollups build"])
def test_on_refuses_collections_that_cant_be_followed(
    tmp_path: Path,
    documents: Mongo,
    settings: dict[str, str],
    unfollowable: dict[str, str],
    command: str,
) -> None:
    refused = run(tmp_path, *command.split(), HEADCOUNT_ROLLUPS="on", **settings)
    assert refused.returncode == 1
    for name, kind in unfollowable.items():
        assert f"{documents.name}.{name} is {kind}: only an ordinary" in refused.stderr


def test_a_right_that_is_missing_for_one_collection_leaves_the_others_maintained(
    tmp_path: Path,
) -> None:
    with guarded_mongod(tmp_path, "readWrite") as (uri, client):
        images = {"enabled": True}
        for name in ("analytics_events", "ticket_orders", "promo_codes", "users"):
            client["headcount"].create_collection(name, changeStreamPreAndPostImages=images)
        client["headcount"].create_collection("tickets")
        settings = {"HEADCOUNT_MONGODB_URI": uri, "HEADCOUNT_JWT_SECRET": SECRET}
        with running(tmp_path, "serve", **settings) as (process, url):
            _until(lambda: _orders(url) == (0, "ROLLUP"))
            assert _freshness(url)["tickets"]["source"] == "LIVE"
            process.terminate()
            logged = process.communicate()[1]
        assert logged.count("counted live") == 1
        assert logged.count("The credentials may not change headcount.tickets") == 1


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mongod, Mongod]]:
    """A primary and a secondary; an arbiter lets the primary accept writes without a majority."""
    folders = [tmp_path_factory.mktemp(name) for name in ("primary", "secondary", "arbiter")]
    with ExitStack() as stack:
        primary, secondary, arbiter = (
            stack.enter_context(Mongod(folder, "--replSet", "r")) for folder in folders
        )
        primary.initiate(secondary, arbiter)
        yield primary, secondary


@pytest.mark.parametrize("preference", ["primary", "secondaryPreferred"])
def test_while_a_majority_lags_cells_are_stale_and_not_read(
    tmp_path: Path, members: tuple[Mongod, Mongod], preference: str
) -> None:
    settings = {
        "HEADCOUNT_MONGODB_URI": members[0].uri.replace(
            "directConnection=true", f"replicaSet=r&readPreference={preference}"
        ),
        "HEADCOUNT_DATABASE": preference,
        "HEADCOUNT_JWT_SECRET": SECRET,
    }
    with (
        MongoClient[dict[str, Any]](members[0].uri) as primary,
        MongoClient[dict[str, Any]](members[1].uri) as secondary,
        running(tmp_path, "serve", **settings) as (_, url),
    ):
        orders = primary[preference].get_collection("ticket_orders", write_concern=WriteConcern(1))
        orders.insert_one({})
        _until(lambda: _orders(url) == (1, "ROLLUP"))
        secondary.admin.command("fsync", lock=True)
        try:
            # With `secondaryPreferred` the locked secondary is read, which lacks the new order.
            orders_read = 1 if preference == "secondaryPreferred" else 2
            orders.insert_one({})
            # The cells become stale, and are then not read.
            _until(lambda: _orders(url) == (orders_read, "LIVE"))
            for _ in range(20):
                assert _orders(url) == (orders_read, "LIVE")
                time.sleep(0.05)
        finally:
            secondary.admin.command("fsyncUnlock")
        _until(lambda: _orders(url) == (2, "ROLLUP"))


def test_if_rights_are_missing_the_error_says_which_command_to_run(
    tmp_path: Path,
) -> None:
    with guarded_mongod(tmp_path, "readWrite") as (uri, client):
        documents = client["headcount"]
        settings = {"HEADCOUNT_MONGODB_URI": uri, "HEADCOUNT_JWT_SECRET": SECRET}
        names = ("ticket_orders", "tickets")
        for name in names:
            documents.create_collection(name)
        refused = run(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings).stderr
        for name in names:
            command = f"db.getSiblingDB('headcount').runCommand({{collMod: '{name}', "
            assert f"{command}changeStreamPreAndPostImages: {{enabled: true}}}})" in refused
            documents.command("collMod", name, changeStreamPreAndPostImages={"enabled": True})
        elsewhere = {"HEADCOUNT_ROLLUPS_DATABASE": "elsewhere"}
        refused = run(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings, **elsewhere).stderr
        assert "may not write into the database elsewhere" in refused
        with running(tmp_path, "serve", HEADCOUNT_ROLLUPS="on", **settings) as (_, url):
            _until(lambda: _orders(url) == (0, "ROLLUP"))
