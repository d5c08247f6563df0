"""Live counts that replace reads of cells wait for each other, within the request's deadline."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from bson import Timestamp
from bson.binary import Binary
from pymongo.asynchronous.database import AsyncDatabase

from errors import ServiceUnavailable
from loaders.loader import Loader
from loaders.rollup_reader import RollupReader
from loaders.shared_reads import SharedReads
from resolvers.order_stats import OrderStats
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES
from rollups.layout.states import malformed
from tests.conftest import Sent
from tests.strategies import NOW

_SLICE = OrderStats.total_orders.slices[0]

Database = AsyncDatabase[dict[str, Any]]


@pytest.fixture
async def stale(database: Database) -> AsyncIterator[RollupReader]:
    """A reader of rollups whose cells are an hour old."""
    old = {
        "cells": "headcount_cells.old",
        "as_of": datetime.now(UTC) - timedelta(hours=1),
        "position": Timestamp(1, 1),
        "version": Timestamp(1, 1),
    }
    await database[STATES].insert_many(
        [{"_id": rollup.state_id, "rollup": rollup.name, **old} for rollup in DEFAULT_ROLLUPS]
    )
    yield RollupReader(database)
    await database[STATES].drop()


def _loader(reader: RollupReader, seconds: float, shared: SharedReads | None = None) -> Loader:
    return Loader({"now": NOW}, timeout=seconds, rollups=reader, shared=shared)


_STATE: Final = {
    "cells": "headcount_cells.1",
    "as_of": NOW,
    "lag": 7,
    **dict.fromkeys(("position", "version", "snapshot"), Timestamp(1, 1)),
    **dict.fromkeys(("cells_uuid", "source_uuid"), Binary(b"0" * 16, 4)),
}


def test_a_state_is_read_if_all_fields_have_their_types() -> None:
    assert malformed(_STATE) is None
    # Without cells nothing is read.
    assert malformed({"rollup": "headcount.tickets"}) is None
    for name in _STATE:
        assert malformed(_STATE | {name: ["another type"]}) == name
        without = {key: value for key, value in _STATE.items() if key != name}
        optional = name in {"cells", "cells_uuid", "source_uuid"}
        assert malformed(without) == (None if optional else name)


async def test_a_live_count_that_gets_no_slot_in_time_is_unavailable(stale: RollupReader) -> None:
    slots = stale.live_counts
    while not slots.locked():
        await slots.acquire()
    with pytest.raises(ServiceUnavailable):
        await _loader(stale, 0.3).load(_SLICE)
    waiting = _loader(stale, 30).load(_SLICE)
    slots.release()
    await waiting
    # It has given its slot back.
    await _loader(stale, 30).load(_SLICE)


async def test_counts_that_wait_for_a_slot_are_shared(stale: RollupReader, sent: Sent) -> None:
    slots, shared = stale.live_counts, SharedReads(0.05)
    while not slots.locked():
        await slots.acquire()
    waiting = []
    sent.commands.clear()
    for _ in range(5):
        waiting.append(_loader(stale, 30, shared).load(_SLICE))
        # Longer than a read that has begun may be shared.
        await asyncio.sleep(0.1)
    slots.release()
    await asyncio.gather(*waiting)
    assert sent.to("ticket_orders") == 1


async def test_without_rollups_live_counts_have_no_limit(database: Database) -> None:
    reader = RollupReader(database)
    while not reader.live_counts.locked():
        await reader.live_counts.acquire()
    await _loader(reader, 30).load(_SLICE)
