"""What one answer says of a rollup is of one moment, whatever is written meanwhile."""

import asyncio
import random
from functools import partial

import pytest
from bson import ObjectId

from cancelling import cancel
from loaders import request_rollups, run
from loaders.rollup_reader import RollupReader
from rollups.keeper.store import RollupStore
from tests.conftest import Ask
from tests.profiles import PROFILE
from tests.rollups.conftest import Database, assert_exact

_CODES = PROFILE.moving_codes
_MOVED = 400


async def _move(database: Database, tickets: list[ObjectId], codes: list[ObjectId]) -> None:
    """Moves tickets from code to code, for ever: some hundreds in a transaction."""
    chance = random.Random(3)
    async with database.client.start_session() as session:
        while True:
            async with await session.start_transaction():
                for code in chance.sample(codes, 4):
                    await database["tickets"].update_many(
                        {"_id": {"$in": chance.sample(tickets, _MOVED // 4)}},
                        {"$set": {"promo_code_id": code}},
                        session=session,
                    )


async def test_a_total_that_never_changes_is_right_in_every_answer(
    database: Database, store: RollupStore, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Many round trips a read: the keeper commits between them.
    monkeypatch.setattr(run, "_BATCH_SIZE", _CODES // 50)
    codes = [ObjectId() for _ in range(_CODES)]
    tickets = [ObjectId() for _ in range(2 * _CODES)]
    for name in ("promo_codes", "tickets"):
        await database[name].delete_many({})
    await database["promo_codes"].insert_many(
        [{"_id": code, "code": str(code), "code_type": "promo"} for code in codes]
    )
    await database["tickets"].insert_many(
        [{"_id": ticket, "promo_code_id": codes[n % _CODES]} for n, ticket in enumerate(tickets)]
    )
    await assert_exact(store)
    read = partial(ask, rollups=RollupReader(database))
    query = "{ promoCodeStats { totalTicketsFromPromos unattributedTickets } }"
    moving = asyncio.create_task(_move(database, tickets, codes))
    right = {"totalTicketsFromPromos": len(tickets), "unattributedTickets": 0}
    try:
        for number in range(PROFILE.answers_of_one_moment):
            result = await read(query)
            assert result.data == {"promoCodeStats": right}, number
            assert result.extensions is not None
            assert {each["source"] for each in result.extensions["freshness"]} == {"ROLLUP"}
    finally:
        await cancel(moving)


async def test_cells_are_waited_for_while_a_live_count_waits_for_its_turn(
    database: Database, store: RollupStore, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assert_exact(store)
    # Every read of cells takes too long, and no live count gets a slot.
    monkeypatch.setattr(request_rollups, "WAIT_SECONDS", 0)
    reader = RollupReader(database)
    while not reader.live_counts.locked():
        await reader.live_counts.acquire()
    result = await ask("{ promoCodeStats { totalTicketsFromPromos } }", rollups=reader)
    assert result.errors is None
    assert result.extensions is not None
    assert {each["source"] for each in result.extensions["freshness"]} == {"ROLLUP"}
