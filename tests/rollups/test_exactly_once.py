"""Each change counts exactly once: cells equal a fresh count after any kind of write."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from documents import DOCUMENTS
from loaders import rollup_reader
from loaders.rollup_reader import RollupReader
from rollups.keeper import follow
from rollups.keeper.store import CellCollection, RollupStore
from rollups.layout import states as rollup_states
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES
from tests import operations as operation
from tests.conftest import Ask, Dataset, Sent
from tests.profiles import PROFILE
from tests.rollups.conftest import Database, assert_exact, caught_up, until
from tests.strategies import datasets, nasty
from tests.strategies_behaviour import behaviours
from tests.test_dashboard import compare_dashboards
from tests.test_kpis import compare_all

_Case = TypeVar("_Case")


async def _replace_all(database: Database, data: Mapping[str, Any], how: str) -> None:
    """Makes `data` the documents of the collections, by upserts (see `how`) and deletes."""
    async with database.client.start_session() as session:

        async def write(session: Any) -> None:
            for name, wanted in data.items():
                documents = {document["_id"]: document for document in wanted}
                await database[name].delete_many({"_id": {"$nin": [*documents]}}, session=session)
                for _id, document in documents.items():
                    fields = {each: value for each, value in document.items() if each != "_id"}
                    if how == "updated":
                        await database[name].update_one(
                            {"_id": _id},
                            [{"$replaceWith": {"_id": _id}}],
                            upsert=True,
                            session=session,
                        )
                        for field, value in fields.items():
                            await database[name].update_one(
                                {"_id": _id},
                                [{"$set": {field: {"$literal": value}}}],
                                session=session,
                            )
                    else:
                        await database[name].replace_one(
                            {"_id": _id}, fields, upsert=True, session=session
                        )
            if how == "aborted":
                await session.abort_transaction()

        if how in ("committed", "aborted"):
            async with await session.start_transaction():
                await write(session)
        else:
            await write(session)


async def _after(
    database: Database, steps: list[tuple[_Case, str]], data: Callable[[_Case], Mapping[str, Any]]
) -> _Case | None:
    """Carries out the steps; returns the resulting case, None if all steps were aborted."""
    result = None
    for case, how in steps:
        await _replace_all(database, data(case), how)
        result = result if how == "aborted" else case
    return result


def _steps(data: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    ways = st.sampled_from(("replaced", "updated", "committed", "aborted"))
    return st.lists(st.tuples(data, ways), min_size=1, max_size=3)


# No shrinking: each attempt would wait for the cells to catch up.
_unshrunk = settings(
    max_examples=PROFILE.rollup_examples, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


@_unshrunk
@given(_steps(datasets()))
async def test_cells_equal_a_fresh_count(
    database: Database, store: RollupStore, ask: Ask, steps: list[tuple[Dataset, str]]
) -> None:
    result = await _after(database, steps, lambda data: data)
    await assert_exact(store)
    if result is not None:
        await compare_all(partial(ask, rollups=RollupReader(database)), result)


@_unshrunk
@given(_steps(behaviours()))
async def test_windows_read_from_cells_and_live_edges_equal_a_fresh_count(
    database: Database,
    store: RollupStore,
    ask: Ask,
    sent: Sent,
    steps: list[tuple[tuple[str, datetime, Dataset], str]],
) -> None:
    result = await _after(database, steps, lambda case: case[2])
    await assert_exact(store)
    if result is not None:
        timezone, now, data = result
        await compare_dashboards(partial(ask, rollups=RollupReader(database)), data, timezone, now)
        assert any("headcount_cells" in name for _, name in sent.commands)


async def test_kpis_read_from_cells_equal_brute_force(
    database: Database, store: RollupStore, ask: Ask, sent: Sent
) -> None:
    await _replace_all(database, nasty(), "replaced")
    await assert_exact(store)
    read = partial(ask, rollups=RollupReader(database))
    await compare_all(read, nasty())
    for query in (operation.EVENTS_OVERVIEW, operation.ORDER_STATS, operation.PROMO_CODE_STATS):
        await read(query)
        assert not sent.to("tickets")
        assert not sent.to("ticket_orders")


async def test_empty_cells_are_swept(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SWEEP_SECONDS", 0)
    await _replace_all(database, nasty(), "replaced")
    await assert_exact(store)
    await _replace_all(database, dict.fromkeys(DOCUMENTS, ()), "replaced")
    for rollup in DEFAULT_ROLLUPS:
        cells = database[(await caught_up(store, rollup))["cells"]]

        async def swept(cells: CellCollection = cells) -> bool:
            return await cells.find_one() is None

        await until(swept)


async def test_stale_cells_are_not_read(
    database: Database, store: RollupStore, ask: Ask, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_states, "FRESH", timedelta(milliseconds=-1))
    await assert_exact(store)
    await ask(operation.ORDER_STATS, rollups=RollupReader(database))
    assert sent.to("ticket_orders")


async def test_unchanged_cells_are_not_read_again(
    database: Database, store: RollupStore, ask: Ask, sent: Sent
) -> None:
    await _replace_all(database, nasty(), "replaced")
    await assert_exact(store)
    read = partial(ask, rollups=RollupReader(database))

    async def orders() -> tuple[Any, int]:
        result = await read("{ orderStats { totalOrders } }")
        assert result.data is not None
        # The keepers use the same client, but send no aggregations of cells.
        reads = sum(
            command == "aggregate" and "headcount_cells" in to for command, to in sent.commands
        )
        return result.data["orderStats"]["totalOrders"], reads

    number, reads = await orders()
    assert reads == 1
    assert await orders() == (number, 0)
    await database["ticket_orders"].insert_one({"event_id": 1})
    await assert_exact(store)
    assert await orders() == (number + 1, 1)


async def test_states_are_cached_between_requests(
    database: Database, store: RollupStore, ask: Ask, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_reader, "_STATES_SECONDS", 3600)
    await assert_exact(store)
    reader = RollupReader(database)
    for times in (1, 0):
        await ask("{ orderStats { totalOrders } }", rollups=reader)
        assert sent.commands.count(("aggregate", STATES)) == times


async def test_cells_of_two_levels_answer_one_request(
    database: Database, store: RollupStore, ask: Ask, sent: Sent
) -> None:
    await _replace_all(database, nasty(), "replaced")
    await assert_exact(store)
    query = """{
        orderStats { totalOrders byStatus { key count } byGateway { key count } }
        eventStats(limit: 50, orderBy: {field: REVENUE}) { events { eventId revenue ordersCount } }
    }"""
    live = await ask(query)
    sent.commands.clear()
    found = await ask(query, rollups=RollupReader(database))
    assert found.data is not None
    assert found.data == live.data
    assert sent.to("ticket_orders") == 0
    reads = [to for command, to in sent.commands if command == "aggregate" and "orders@" in to]
    assert len(reads) == 2
