"""Slices with a time dimension or with parameters, read live and from a rollup's cells."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo.asynchronous.database import AsyncDatabase

from cubes.cells import TIME, CubeError
from cubes.cube import Slice
from cubes.declared.behaviour import BEHAVIOUR, SESSIONS
from cubes.declared.events import EVENTS
from cubes.declared.orders import ORDERS
from cubes.merging import merged
from cubes.window import Window
from loaders.loader import Loader
from loaders.rollup_reader import RollupReader
from resolvers.promo_code_stats import PromoCodeStats
from rollups.layout.read_plan import read_plan
from rollups.layout.rollup import DEFAULT_ROLLUPS, STATES
from tests.conftest import Ask, Dataset, Sent
from tests.strategies import NOW

START = datetime(2026, 4, 1, 10, 7, 30, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOURS = [START, *(START.replace(minute=0, second=0) + timedelta(hours=n) for n in range(1, 9))]
POINTS = [Window(start, end) for start, end in pairwise(HOURS)]
EVENTS_BY_TYPE = BEHAVIOUR.slice("event_type", measures=["events"])


@pytest.fixture
def times(fill: Callable[[Dataset], None]) -> list[datetime]:
    """Times of events and orders: in the points, at their bounds and outside of them."""
    chance = Random(7)
    inner = [START + timedelta(milliseconds=chance.randrange(9 * 3_600_000)) for _ in range(300)]
    times = [*inner, *HOURS, *(at - timedelta(milliseconds=1) for at in HOURS)]
    fill(
        {
            "analytics_events": [
                {"event_type": "purchase", "session_id": f"s{number % 5}", "created_at": at}
                for number, at in enumerate(times)
            ],
            "ticket_orders": [{"event_id": 1, "created_at": at} for at in times],
        }
    )
    return times


def _loader(**parameters: Any) -> Loader:
    return Loader({"now": NOW, **parameters}, timeout=30)


def _point(at: datetime) -> int | None:
    return next((n for n, each in enumerate(POINTS) if each.start <= at < each.end), None)


async def test_a_timeline_is_one_aggregation_of_exact_points(
    database: AsyncDatabase[dict[str, Any]], times: list[datetime], sent: Sent
) -> None:
    sent.commands.clear()
    cells = await _loader().load(EVENTS_BY_TYPE.by_points().timeline(POINTS))
    assert sent.to("analytics_events") == 1
    expected = Counter(point for at in times if (point := _point(at)) is not None)
    assert cells.totals(TIME, "events") == expected
    assert cells.sum("events") == expected.total()


async def test_distinct_counts_are_per_point(
    database: AsyncDatabase[dict[str, Any]], times: list[datetime]
) -> None:
    one = SESSIONS.slice(measures=["sessions"]).by_points().timeline(POINTS)
    sessions = {(_point(at), number % 5) for number, at in enumerate(times)}
    expected = Counter(point for point, _ in sessions if point is not None)
    assert (await _loader().load(one)).totals(TIME, "sessions") == expected


async def test_buckets_are_in_utc_for_any_cube(
    database: AsyncDatabase[dict[str, Any]], times: list[datetime]
) -> None:
    cells = await _loader().load(ORDERS.slice(measures=["orders"]).by_buckets(QUARTER))
    expected = Counter(at - (at - datetime(2026, 1, 1, tzinfo=UTC)) % QUARTER for at in times)
    assert cells.totals(TIME, "orders") == expected


async def test_reading_times_of_a_slice_without_time_is_an_error(
    database: AsyncDatabase[dict[str, Any]], times: list[datetime]
) -> None:
    cells = await _loader().load(ORDERS.slice(measures=["orders"]))
    with pytest.raises(CubeError, match="The slice has no time"):
        cells.totals(TIME, "orders")


def test_a_carried_value_reaches_who_folds_the_cells() -> None:
    one = ORDERS.slice(measures=["orders"]).carrying(zone=UTC)
    assert one.answer([]).values == {"zone": UTC}
    given = one.with_values({"zone": "America/Bogota", "other": 1})
    assert given.answer([]).values == {"zone": "America/Bogota"}
    assert given.parameters == {}
    assert given.batch != one.batch


async def test_a_slice_with_carried_values_loads(
    database: AsyncDatabase[dict[str, Any]], times: list[datetime]
) -> None:
    one = ORDERS.slice(measures=["orders"]).by_buckets(QUARTER).carrying(zone=ZoneInfo("UTC"))
    assert (await _loader().load(one)).sum("orders") == len(times)


async def test_documents_without_a_date_are_in_no_bucket(
    database: AsyncDatabase[dict[str, Any]], fill: Callable[[Dataset], None]
) -> None:
    bad: list[Any] = [None, "2026-04-01", [START], 1e9, DatetimeMS(10**15), DatetimeMS(-(10**15))]
    fill({"ticket_orders": [{"created_at": at} for at in [*bad, START]]})
    cells = await _loader().load(ORDERS.slice(measures=["orders"]).by_buckets(QUARTER))
    assert cells.totals(TIME, "orders") == {START.replace(minute=0, second=0): 1}


def test_slices_by_buckets_and_without_are_of_two_families() -> None:
    one = ORDERS.slice(measures=["orders"])
    by_buckets, all_of_them = merged([one.by_buckets(QUARTER), one, one]).values()
    assert by_buckets.granularity == QUARTER
    assert all_of_them.granularity is None


def test_slices_without_parameters_merge_with_slices_that_have_some() -> None:
    upcoming, all_events = (EVENTS.slice(measures=[name]) for name in ("upcoming", "events"))
    assert upcoming.batch == all_events.batch
    assert upcoming.merge(all_events).missing == {"now"}


def _plan(one: Slice) -> Any:
    (rollup,) = (each for each in DEFAULT_ROLLUPS if BEHAVIOUR in each.cubes)
    return read_plan(one, rollup)


def test_a_rollup_answers_a_timeline_by_whole_buckets_and_live_edges() -> None:
    plan = _plan(EVENTS_BY_TYPE.by_points().timeline(POINTS))
    # After the first whole quarter: one range of quarters up to the hour, one range of hours.
    assert len(plan.pipeline[0]["$match"]["$or"]) == 2
    (edge,) = plan.edges
    assert edge.window == Window(START, START.replace(minute=15, second=0))
    (live,) = edge.pipeline()[-1:]
    assert live == {"$set": {"_id.time": {"$literal": 0}}}


def test_a_rollup_answers_buckets_that_are_multiples_of_its_granularities() -> None:
    whole = Window(START.replace(minute=0, second=0), HOURS[-1])
    for size, answered in ((QUARTER, True), (timedelta(hours=1), True), (QUARTER / 3, False)):
        plan = _plan(EVENTS_BY_TYPE.during(whole).by_buckets(size))
        assert (plan is not None) is answered


async def test_cubes_without_a_rollup_do_not_ask_for_states(
    database: AsyncDatabase[dict[str, Any]], ask: Ask, sent: Sent
) -> None:
    reader = RollupReader(database)
    await ask("{ eventsOverview { totalEvents } }", rollups=reader)
    assert sent.to(STATES) == 0
    await ask("{ orderStats { totalOrders } }", rollups=reader)
    assert sent.to(STATES) == 1


def test_the_total_of_promo_tickets_is_one_cell() -> None:
    (one,) = PromoCodeStats.total_tickets_from_promos.slices
    assert one.dimensions == frozenset()
