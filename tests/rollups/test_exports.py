"""The events dashboard's file is of two times: orders of one, everything else of the other."""

import asyncio
import random
from datetime import UTC
from typing import Any

import pytest
from bson import ObjectId, Timestamp

from cancelling import cancel
from documents.reads import AsOf
from documents.ticket import Ticket
from documents.ticket_order import TicketOrder
from exports.downloads import open_report
from exports.formats.json_writer import json_file
from loaders.rollup_reader import RollupReader
from resolvers.exports import EventsDashboardExport
from rollups.keeper.store import RollupStore
from rollups.layout import states as rollup_states
from rollups.layout.rollup import DEFAULT_ROLLUPS, Rollup
from rollups.layout.states import States
from tests import oracle_exports
from tests.conftest import ADMIN, Sent
from tests.exports import read_back
from tests.profiles import PROFILE
from tests.rollups.conftest import Database, assert_exact
from tests.strategies import NOW

_EVENTS = 30
_TICKETS = 600
_COLLECTIONS = ("events", "tickets", "ticket_orders", "promo_codes")


def _rollup(source: type) -> Rollup:
    (found,) = (each for each in DEFAULT_ROLLUPS if each.source is source)
    return found


class _Recording(RollupReader):
    """Remembers the states that it returned last."""

    seen: States

    async def states(self) -> tuple[float, States]:
        at, self.seen = await super().states()
        return at, self.seen

    def position(self, source: type) -> Timestamp:
        position: Timestamp = self.seen[_rollup(source).name]["position"]
        return position


@pytest.fixture
async def filled(database: Database, store: RollupStore) -> Database:
    """Some events with tickets, orders and promo codes, and cells of them."""
    for name in _COLLECTIONS:
        await database[name].delete_many({})
    events = [ObjectId() for _ in range(_EVENTS)]
    await database["events"].insert_many(
        [{"_id": event, "title": f"Event {n}", "capacity": 50} for n, event in enumerate(events)]
    )
    codes = [ObjectId() for _ in range(5)]
    await database["promo_codes"].insert_many([{"_id": code, "code": str(code)} for code in codes])
    await database["tickets"].insert_many(
        [
            {"event_id": events[n % _EVENTS], "status": "available", "promo_code_id": codes[n % 5]}
            for n in range(_TICKETS)
        ]
    )
    await database["ticket_orders"].insert_many(
        [
            {"event_id": events[n % _EVENTS], "payment_status": "CONFIRMED", "amount_cents": n}
            for n in range(_TICKETS)
        ]
    )
    await assert_exact(store)
    return database


async def _change(database: Database) -> None:
    """Moves tickets and orders from event to event, and renames events and codes, for ever."""
    chance = random.Random(11)
    events = [event["_id"] for event in await database["events"].find().to_list()]
    while True:
        for name in ("tickets", "ticket_orders"):
            found = await database[name].aggregate([{"$sample": {"size": 20}}])
            some = [each["_id"] for each in await found.to_list()]
            values = {"event_id": chance.choice(events), "status": "consumed"}
            await database[name].update_many({"_id": {"$in": some}}, {"$set": values})
            await database[name].insert_one(
                {"event_id": chance.choice(events), "payment_status": "RECEIVED"}
            )
        title = {"$set": {"title": f"Renamed {chance.random()}"}}
        await database["events"].update_one({"_id": chance.choice(events)}, title)
        await database["promo_codes"].update_many({}, {"$set": {"code": str(chance.random())}})


async def _exported(reader: RollupReader | None) -> Any:
    export = EventsDashboardExport(None, active_only=False)
    async with open_report(export, ADMIN, NOW, read_seconds=30, rollups=reader) as opened:
        chunks = [chunk async for chunk in json_file(opened.report, UTC)]
    return read_back.json_object(b"".join(chunks))["events"]


async def _documents(database: Database, name: str, time: Timestamp) -> list[dict[str, Any]]:
    return await database[name].with_options(read_concern=AsOf(time)).find().to_list()


async def test_a_file_equals_the_documents_of_its_two_times(filled: Database) -> None:
    changing = asyncio.create_task(_change(filled))
    try:
        for _ in range(PROFILE.exports_under_load):
            reader = _Recording(filled)
            found = await _exported(reader)
            rows, orders = (reader.position(each) for each in (Ticket, TicketOrder))
            times = dict.fromkeys(_COLLECTIONS, rows) | {"ticket_orders": orders}
            data = {name: await _documents(filled, name, time) for name, time in times.items()}
            assert found == oracle_exports.events(data)
    finally:
        await cancel(changing)


async def test_the_numbers_of_a_file_are_read_from_cells(filled: Database, sent: Sent) -> None:
    sent.commands.clear()
    sent.pipelines.clear()
    events = await _exported(RollupReader(filled))
    assert sum(event["tickets_issued"] for event in events) == _TICKETS
    assert ("aggregate", "ticket_orders") not in sent.commands
    # Tickets are listed, not counted.
    assert not [
        each for each in sent.pipelines if "$group" in str(each) and "level" not in str(each)
    ]


async def test_a_file_is_of_one_time_while_cells_are_stale(
    filled: Database, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_states, "FRESH", -rollup_states.FRESH)
    sent.read_concerns.clear()
    events = await _exported(RollupReader(filled))
    assert events == await _exported(None)
    times = {
        name: {
            each["atClusterTime"]
            for of, each in sent.read_concerns
            if of == name and "atClusterTime" in each
        }
        for name in ("events", "tickets", "ticket_orders")
    }
    assert times["events"] == times["tickets"] == times["ticket_orders"]
