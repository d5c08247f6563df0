"""Cached answers: none is older than the cells, and those that depend on now are not cached."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from structlog.testing import capture_logs

from loaders import rollup_reader
from rollups.keeper.store import RollupStore
from server.http import application as app
from server.settings import Settings
from tests.conftest import client, token
from tests.rest.reference import DASHBOARD_STATS, EVENTS_DASHBOARD
from tests.rollups.conftest import assert_exact, store

__all__ = ["store"]

Database = AsyncDatabase[dict[str, Any]]
Read = Callable[..., Awaitable[tuple[Any, int]]]

ORDERS = f"{EVENTS_DASHBOARD}/orders"
PROMO_CODES = f"{EVENTS_DASHBOARD}/promo-codes"
CODE = ObjectId()


@pytest.fixture
async def filled(database: Database, store: RollupStore) -> RollupStore:
    for name in ("ticket_orders", "promo_codes", "tickets", "events", "users", "products"):
        await database[name].delete_many({})
    await database["ticket_orders"].insert_one({"payment_status": "CONFIRMED", "amount_cents": 1})
    await database["promo_codes"].insert_one({"_id": CODE, "code": "A", "title": "First"})
    await database["tickets"].insert_one({"promo_code_id": CODE})
    await assert_exact(store)
    return store


@pytest.fixture
async def http(
    database: Database, server_settings: Settings, filled: RollupStore
) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app.create(server_settings, database)) as http:
        yield http


@pytest.fixture
def read(http: httpx.AsyncClient) -> Read:
    """(the answer of a path, how many aggregations it took)."""

    async def read(path: str, **claims: Any) -> tuple[Any, int]:
        headers = {"authorization": f"Bearer {token(**(claims or {'role': 'admin'}))}"}
        with capture_logs() as lines:
            response = await http.get(path, headers=headers)
        assert response.status_code == 200
        (line,) = (each for each in lines if each["event"] == "request")
        return response.json(), line["aggregations"]

    return read


@pytest.mark.parametrize("path", [ORDERS, PROMO_CODES, "/metrics/staff-dashboard"])
async def test_an_answer_is_made_once_while_nothing_changes(read: Read, path: str) -> None:
    first, aggregations = await read(path)
    assert aggregations > 0
    assert await read(path) == (first, 0)
    assert await read(f"{path}/?utm_source=mail") == (first, 0)


@pytest.mark.parametrize(
    "path",
    [
        f"{EVENTS_DASHBOARD}/overview",
        f"{EVENTS_DASHBOARD}/events",
        DASHBOARD_STATS,
        "/metrics/inventory",
        "/metrics/admin-dashboard",
    ],
)
async def test_an_answer_that_depends_on_now_or_on_settings_is_made_each_time(
    read: Read, path: str
) -> None:
    _, first = await read(path)
    _, second = await read(path)
    assert first == second > 0


async def test_an_answer_changes_with_its_collection(
    read: Read, database: Database, filled: RollupStore
) -> None:
    assert (await read(ORDERS))[0]["total_orders"] == 1
    await database["ticket_orders"].insert_one({"payment_status": "CONFIRMED"})
    await assert_exact(filled)
    assert (await read(ORDERS))[0]["total_orders"] == 2
    assert (await read(ORDERS))[1] == 0


async def test_an_answer_stands_while_other_collections_change(
    read: Read, database: Database, filled: RollupStore
) -> None:
    first, _ = await read(ORDERS)
    await database["tickets"].insert_one({"promo_code_id": CODE})
    await assert_exact(filled)
    assert await read(ORDERS) == (first, 0)


async def test_a_change_that_moves_no_cell_is_seen(
    read: Read, database: Database, filled: RollupStore
) -> None:
    """The title of a code is no dimension: only the document has it."""
    await read(PROMO_CODES)
    await database["promo_codes"].update_one({"_id": CODE}, {"$set": {"title": "Second"}})
    await assert_exact(filled)
    (code,) = (await read(PROMO_CODES))[0]["top_codes"]
    assert code["title"] == "Second"


async def test_readers_do_not_share_answers(read: Read) -> None:
    path = "/metrics/staff-dashboard"
    await read(path)
    _, aggregations = await read(path, role="staff", permissions=["view_customers"])
    assert aggregations > 0


async def test_an_answer_is_not_cached_while_cells_are_stale(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read(ORDERS)
    monkeypatch.setattr(rollup_reader.RollupReader, "states", _no_states)
    _, aggregations = await read(ORDERS)
    assert aggregations > 0
    assert (await read(ORDERS))[1] > 0


async def _no_states(self: object) -> tuple[float, dict[str, Any]]:
    return asyncio.get_running_loop().time(), {}
