"""Of cells and documents, the cheaper are read; the numbers are the same."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from cubes.cube import Slice
from cubes.declared.behaviour import BEHAVIOUR, PRODUCT_ACTIVITY, PURCHASES
from cubes.window import Window
from documents.analytics_event import AnalyticsEvent
from loaders.rollup_reader import RollupReader
from rollups.keeper import statistics as statistics_of_cells
from rollups.keeper.statistics import statistics
from rollups.keeper.store import RollupStore
from rollups.layout import read_cost, read_plan
from rollups.layout.level import levels
from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.conftest import Ask, Sent
from tests.rollups.conftest import Database, assert_exact, caught_up
from tests.strategies_behaviour import nasty_behaviour
from tests.test_dashboard import compare_dashboards

(ROLLUP,) = (each for each in DEFAULT_ROLLUPS if each.source is AnalyticsEvent)
NOW = datetime(2026, 4, 15, 10, 7, 30, tzinfo=UTC)
WEEK = Window(NOW - timedelta(days=7), NOW)
_QUARTERS, _HOURS = (level.name for level in levels(BEHAVIOUR))
_SALES = '{ dashboardStats(timezone: "America/Bogota") { totalSales } }'


def _of_buckets(level: str, key: Any, cells: float, documents: float) -> Mapping[str, Any]:
    return {"level": level, "key": key, "cells": cells, "documents": documents}


def _events(*types: str) -> Slice:
    return BEHAVIOUR.slice("event_type", measures=["events"]).only("event_type", types).during(WEEK)


def _levels(one: Slice, *of_buckets: Mapping[str, Any]) -> set[str]:
    """The levels that a slice is read from; none if it is counted."""
    plan = read_plan.read_plan(one, ROLLUP, of_buckets)
    assert plan is not None
    if not plan.pipeline:
        assert plan.edges == [one]
        return set()
    return {each["level"] for each in plan.pipeline[0]["$match"]["$or"]}


def _hourly(kind: str, documents: float) -> list[Mapping[str, Any]]:
    """The statistics of a type with so many documents an hour."""
    in_quarter = documents / 4
    return [
        _of_buckets(_QUARTERS, kind, min(1, in_quarter), in_quarter),
        _of_buckets(_HOURS, kind, min(1, documents), documents),
    ]


@pytest.mark.parametrize(("documents", "read"), [(5, set()), (500, {_HOURS, _QUARTERS})])
def test_a_window_of_few_documents_is_counted(documents: int, read: set[str]) -> None:
    assert _levels(_events("purchase"), *_hourly("purchase", documents)) == read


def test_a_rare_type_is_counted_beside_a_frequent_one() -> None:
    rare, frequent = "payment_error", "product_view"
    known = [*_hourly(rare, 0.2), *_hourly(frequent, 5_000)]
    assert not _levels(_events(rare), *known)
    assert _levels(_events(frequent), *known)
    assert _levels(_events(rare, frequent), *known)
    assert not _levels(_events("a type without any cells"), *known)


def test_a_level_with_as_many_cells_as_documents_is_not_read() -> None:
    hours, days = (level.name for level in levels(PRODUCT_ACTIVITY))
    one = PRODUCT_ACTIVITY.slice("event_type", "product", measures=["events"]).during(WEEK)
    by_hour, by_day = _of_buckets(hours, None, 900, 1_000), _of_buckets(days, None, 900, 24_000)
    assert _levels(one, by_hour, by_day) == {days}
    assert not _levels(one, by_hour, _of_buckets(days, None, 20_000, 24_000))


def test_documents_whose_fields_are_read_cost_more() -> None:
    hours, days = (level.name for level in levels(PURCHASES) if not level.dimensions)
    few = _of_buckets(hours, None, 1, 4), _of_buckets(days, None, 1, 100)
    for measure, counted in (("purchases", True), ("revenue", False)):
        assert (not _levels(PURCHASES.slice(measures=[measure]).during(WEEK), *few)) is counted


def test_without_statistics_all_levels_are_read() -> None:
    assert _levels(_events("purchase")) == {_HOURS, _QUARTERS}


async def _fill(database: Database, store: RollupStore, times: list[datetime]) -> str:
    """Events of two types in turn; returns the name of their collection of cells."""
    await database["analytics_events"].delete_many({})
    await database["analytics_events"].insert_many(
        [
            {"event_type": ("purchase", "product_view")[number % 2], "created_at": at}
            for number, at in enumerate(times)
        ]
    )
    await assert_exact(store)
    cells: str = (await caught_up(store, ROLLUP))["cells"]
    return cells


async def test_statistics_are_of_the_newest_buckets_before_a_time(
    database: Database, store: RollupStore
) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    noon = datetime(2026, 4, 10, 12, tzinfo=UTC)
    times = [noon - hour * (number // 6) for number in range(12)]
    cells = await _fill(database, store, [*times, noon + day, noon + day])
    found = await statistics(database[cells], ROLLUP, noon + hour)
    of_hours = {each["key"]: each for each in found if each["level"] == _HOURS}
    assert of_hours == {
        kind: _of_buckets(_HOURS, kind, 1.0, 3.0) for kind in ("purchase", "product_view")
    }
    # Of a day's events, half are purchases.
    (daily,) = (
        each for each in found if each["level"] == [level.name for level in levels(PURCHASES)][-1]
    )
    assert (daily["cells"], daily["documents"]) == (1.0, 6.0)


async def test_statistics_leave_out_long_keys_and_rare_ones(
    database: Database, store: RollupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics_of_cells, "_KEYS", 2)
    await database["analytics_events"].delete_many({})
    kinds = {"x" * 1_000: 9, "rare": 1, "frequent": 5, "second": 3}
    await database["analytics_events"].insert_many(
        [{"event_type": kind, "created_at": NOW} for kind, n in kinds.items() for _ in range(n)]
    )
    await assert_exact(store)
    cells = (await caught_up(store, ROLLUP))["cells"]
    found = await statistics_of_cells.statistics(database[cells], ROLLUP, NOW + timedelta(days=1))
    assert [each["key"] for each in found if each["level"] == _HOURS] == ["frequent", "second"]


async def test_cells_of_a_type_are_found_by_an_index(
    database: Database, store: RollupStore
) -> None:
    times = [NOW - timedelta(hours=number) for number in range(48)]
    cells = await _fill(database, store, times)
    plan = read_plan.read_plan(_events("purchase"), ROLLUP)
    assert plan is not None
    command = {"aggregate": cells, "pipeline": plan.pipeline, "cursor": {}}
    explained = await database.command("explain", command, verbosity="executionStats")
    (examined,) = _values(explained, "totalDocsExamined")
    # Half of the events are purchases. Cells that an earlier test emptied may not be swept yet.
    assert examined < 30


async def test_both_edges_are_counted_by_one_aggregation(
    database: Database, store: RollupStore, ask: Ask, sent: Sent
) -> None:
    await _fill(database, store, [NOW, NOW, WEEK.start, WEEK.start])
    result = await ask(_SALES, now=NOW, rollups=RollupReader(database))
    assert result.data == {"dashboardStats": {"totalSales": 2}}
    assert [name for name, of in sent.commands if of == "analytics_events"] == ["aggregate"]


async def test_a_window_that_is_counted_is_of_the_same_time_as_cells(
    database: Database,
    store: RollupStore,
    ask: Ask,
    sent: Sent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_cost, "CELLS", 1_000)
    await _fill(database, store, [NOW] * 10)
    of_hours = [_of_buckets(_HOURS, "purchase", 1, 1)]
    await store.states.update_one({"_id": ROLLUP.state_id}, {"$set": {"statistics": of_hours}})
    before = await store.state(ROLLUP)
    result = await ask(_SALES, now=NOW, rollups=RollupReader(database))
    after = await store.state(ROLLUP)
    assert result.data == {"dashboardStats": {"totalSales": 5}}
    (freshness,) = (result.extensions or {})["freshness"]
    assert (freshness["cube"], freshness["source"]) == ("behaviour", "LIVE")
    assert before["as_of"] <= datetime.fromisoformat(freshness["asOf"]) <= after["as_of"]
    (read,) = [each for name, each in sent.read_concerns if name == "analytics_events"]
    assert before["position"] <= read["atClusterTime"] <= after["position"]


async def test_any_choice_of_levels_gives_the_same_numbers(
    database: Database, store: RollupStore, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    monkeypatch.setattr(read_cost.ReadCosts, "of", lambda *_: chance.random())
    timezone, data = "America/Bogota", nasty_behaviour(NOW)
    for name, documents in data.items():
        await database[name].delete_many({})
        if documents:
            await database[name].insert_many(documents)
    await assert_exact(store)
    every = [_of_buckets(level.name, None, 1, 1) for level in ROLLUP.levels if level.granularity]
    await store.states.update_one({"_id": ROLLUP.state_id}, {"$set": {"statistics": every}})
    for _ in range(4):
        await compare_dashboards(partial(ask, rollups=RollupReader(database)), data, timezone, NOW)


def _values(explained: Any, name: str) -> Iterator[Any]:
    if isinstance(explained, Mapping):
        if name in explained:
            yield explained[name]
        for value in explained.values():
            yield from _values(value, name)
    elif isinstance(explained, list):
        for value in explained:
            yield from _values(value, name)
