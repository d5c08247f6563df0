"""`dashboardStats` against its brute-force oracle, and the commands it sends to MongoDB."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import given, settings
from pymongo.database import Database

from cubes.cube import Slice
from cubes.declaration import Stage
from cubes.declared.behaviour import PRODUCT_EVENTS, SESSIONS
from documents.analytics_event import AnalyticsEvent
from tests import operations as operation
from tests import oracle_behaviour as oracle
from tests.conftest import Ask, Dataset, Sent
from tests.profiles import PROFILE
from tests.strategies import NOW
from tests.strategies_behaviour import (
    INVALID_ZONES,
    NOWS_AROUND_CHANGES,
    behaviours,
    nasty_behaviour,
)

Fill = Callable[[Dataset], None]
Mongo = Database[dict[str, Any]]
MODES = ("TOTAL", "UNIQUE")
_COVERING, _REFUSING_NOTHING = (
    AnalyticsEvent.Settings.indexes[:3],
    AnalyticsEvent.Settings.indexes[3:],
)


@pytest.fixture(scope="module", params=["bare", "indexed"])
def collection(request: pytest.FixtureRequest, mongo: Mongo) -> str:
    """`bare` or `indexed`: a new collection without indexes, or with the covering ones."""
    mongo.drop_collection("analytics_events")
    if request.param == "indexed":
        mongo["analytics_events"].create_indexes(_COVERING)
    return str(request.param)


@pytest.fixture
def indexed(mongo: Mongo) -> None:
    """A new collection with its covering indexes; all fields are array-free."""
    mongo.drop_collection("analytics_events")
    mongo["analytics_events"].create_indexes(_COVERING)


@pytest.fixture(scope="module")
def indexed_once(mongo: Mongo) -> None:
    """As `indexed`, but one collection for all tests of the module."""
    mongo.drop_collection("analytics_events")
    mongo["analytics_events"].create_indexes(_COVERING)


async def _answer(
    ask: Ask, mode: str, timezone: str = "UTC", now: datetime = NOW
) -> dict[str, Any]:
    result = await ask(operation.DASHBOARD_STATS, now=now, mode=mode, timezone=timezone)
    assert result.errors is None
    assert result.data is not None
    answer: dict[str, Any] = result.data["dashboardStats"]
    return answer


async def compare_dashboards(
    ask: Ask, data: Dataset, timezone: str = "UTC", now: datetime = NOW
) -> None:
    """Asserts that the answers in both modes equal those of the oracle."""
    for mode in MODES:
        expected = oracle.dashboard_stats(data, mode=mode, timezone=timezone, now=now)
        assert await _answer(ask, mode, timezone, now) == expected


@settings(max_examples=PROFILE.dashboard_examples)
@given(case=behaviours())
async def test_every_kpi_equals_brute_force(
    collection: str, fill: Fill, ask: Ask, case: tuple[str, datetime, Dataset]
) -> None:
    timezone, now, data = case
    fill(data)
    await compare_dashboards(ask, data, timezone, now)


@settings(max_examples=PROFILE.dashboard_variants)
@given(case=behaviours())
async def test_every_kpi_by_indexes_that_refuse_no_document_equals_brute_force(
    mongo: Mongo, fill: Fill, ask: Ask, case: tuple[str, datetime, Dataset]
) -> None:
    mongo.drop_collection("analytics_events")
    mongo["analytics_events"].create_indexes(_REFUSING_NOTHING)
    timezone, now, data = case
    fill(data)
    await compare_dashboards(ask, data, timezone, now)


async def test_hand_written_bad_documents_equal_brute_force(
    collection: str, fill: Fill, ask: Ask
) -> None:
    data = nasty_behaviour()
    fill(data)
    await compare_dashboards(ask, data)


@pytest.mark.parametrize("zone_and_now", NOWS_AROUND_CHANGES[:: PROFILE.clock_change_step], ids=str)
async def test_days_are_those_of_the_zone_while_its_clocks_change(
    indexed_once: None, fill: Fill, ask: Ask, zone_and_now: tuple[str, datetime]
) -> None:
    timezone, now = zone_and_now
    data = _every_20_minutes(now)
    fill(data)
    expected = oracle.dashboard_stats(data, mode="TOTAL", timezone=timezone, now=now)
    query = (
        "query ($timezone: String!) { dashboardStats(timezone: $timezone) {"
        f" eventsTimeline {operation.every_field('EventsTimelineDay')} salesByDay {{ date count }}"
        f" errorsTimeline {operation.every_field('ErrorsTimelineDay')} }} }}"
    )
    result = await ask(query, now=now, timezone=timezone)
    assert result.data is not None
    for name, days in result.data["dashboardStats"].items():
        assert days == expected[name]


def _every_20_minutes(now: datetime) -> Dataset:
    """An event every 20 minutes for eight days; every other one is a minute earlier."""
    types = [*oracle.TIMELINE.values(), *oracle.ERRORS_TIMELINE.values()]
    return {
        "analytics_events": [
            {
                "_id": number,
                "event_type": types[number % len(types)],
                "created_at": now - timedelta(minutes=20 * number + number % 2),
            }
            for number in range(8 * 24 * 3)
        ]
    }


def _without_arrays(data: Dataset) -> Dataset:
    """The data without the documents that have an array."""
    return {
        name: [each for each in documents if not any(isinstance(v, list) for v in each.values())]
        for name, documents in data.items()
    }


async def test_array_free_fields_are_not_checked_again_in_documents(
    indexed: None, mongo: Mongo, fill: Fill, ask: Ask, sent: Sent
) -> None:
    data = _without_arrays(nasty_behaviour())
    fill(data)
    await compare_dashboards(ask, data)
    checking = [p for p in sent.pipelines if any("$expr" in s.get("$match", {}) for s in p)]
    # Only product names are checked in documents: no index contains them.
    assert all("product_name" in pipeline[0]["$match"] for pipeline in checking)

    # An array in one field: from now on this field alone is checked, and the answer stays right.
    odd = {"_id": 10**9, "event_type": "purchase", "created_at": [NOW], "session_id": "s"}
    mongo["analytics_events"].insert_one(odd)
    await compare_dashboards(ask, {**data, "analytics_events": [*data["analytics_events"], odd]})
    checking = [p for p in sent.pipelines if any("$expr" in s.get("$match", {}) for s in p)]
    assert len(checking) == len([p for p in sent.pipelines if "created_at" in p[0]["$match"]])


@settings(max_examples=PROFILE.dashboard_variants)
@given(case=behaviours())
async def test_every_kpi_of_array_free_fields_equals_brute_force(
    indexed_once: None, fill: Fill, ask: Ask, case: tuple[str, datetime, Dataset]
) -> None:
    timezone, now, data = case[0], case[1], _without_arrays(case[2])
    fill(data)
    await compare_dashboards(ask, data, timezone, now)


@pytest.mark.parametrize("seed", range(PROFILE.product_rankings))
async def test_the_top_products_of_many_equal_brute_force(
    collection: str, fill: Fill, ask: Ask, seed: int
) -> None:
    # Few sessions view some products often; many sessions view others once.
    chance = Random(seed)
    events = [
        {
            "_id": number,
            "event_type": chance.choices(PRODUCT_EVENTS, (8, 2, 1))[0],
            "product_slug": f"p{(product := int(chance.random() ** 2 * 60)):02}",
            "session_id": f"s{chance.randrange(1 + product * seed)}",
            "created_at": NOW - timedelta(minutes=number),
        }
        for number in range(1500)
    ]
    data = {"analytics_events": events}
    fill(data)
    await compare_dashboards(ask, data)


async def test_an_empty_database_answers_zeros(collection: None, fill: Fill, ask: Ask) -> None:
    fill({})
    await compare_dashboards(ask, {})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", operation.fields_of("DashboardStats"))
async def test_a_kpi_selected_alone_has_the_same_value(
    collection: str, fill: Fill, ask: Ask, mode: str, name: str
) -> None:
    data = nasty_behaviour()
    fill(data)
    kind = operation.named(operation.fields_of("DashboardStats")[name].type)
    result = await ask(
        f"{{ dashboardStats(mode: {mode}) {{ {name} {operation.every_field(kind)} }} }}"
    )
    assert result.errors is None
    expected = oracle.dashboard_stats(data, mode=mode, timezone="UTC", now=NOW)
    assert result.data == {"dashboardStats": {name: expected[name]}}


@pytest.mark.parametrize("name", INVALID_ZONES)
async def test_an_unknown_time_zone_is_rejected(ask: Ask, sent: Sent, name: str) -> None:
    result = await ask(operation.DASHBOARD_STATS, mode="TOTAL", timezone=name)
    assert result.data == {"dashboardStats": None}
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions == {"code": "BAD_USER_INPUT"}
    assert "'timezone' must be an IANA time zone" in error.message
    assert len(error.message) < 250
    assert sent.commands == []


# ---------------------------------------------------------------- invariants


@settings(max_examples=PROFILE.dashboard_variants)
@given(case=behaviours())
async def test_parts_sum_to_wholes_and_the_mode_changes_only_four_fields(
    collection: str, fill: Fill, ask: Ask, case: tuple[str, datetime, Dataset]
) -> None:
    timezone, now, data = case
    fill(data)
    total, unique = [await _answer(ask, mode, timezone, now) for mode in MODES]

    differing = {name for name in total if total[name] != unique[name]}
    assert differing <= {
        "id",
        "mode",
        "eventCounts",
        "conversionRates",
        "topViewedProducts",
        "productPerformance",
    }
    days, errors = total["eventsTimeline"], total["errorsTimeline"]
    for step, number in total["eventCounts"].items():
        assert sum(day[step] for day in days) == number
        assert unique["eventCounts"][step] <= number
    assert sum(day["checkoutStarted"] for day in days) == total["checkoutStartedCount"]
    assert sum(day["paymentInfoEntered"] for day in days) == total["paymentInfoEnteredCount"]
    assert sum(day["orderCompleted"] for day in days) == total["orderCompletedCount"]
    for error, number in total["errorCounts"].items():
        assert sum(day[error] for day in errors) == number
    assert sum(day["count"] for day in total["salesByDay"]) == total["totalSales"]
    sessions = total["sessionStats"]["uniqueSessions"]
    assert sum(source["sessions"] for source in total["trafficSources"]) == sessions
    assert total["sessionStats"]["sessionsWithPurchase"] <= sessions
    viewed = {row["slug"]: row for row in total["productPerformance"]}
    for row in unique["productPerformance"]:
        if row["slug"] in viewed:
            assert row["views"] <= viewed[row["slug"]]["views"]
            assert row["addToCart"] <= viewed[row["slug"]]["addToCart"]
            assert row["purchasesUnits"] == viewed[row["slug"]]["purchases"]


# ---------------------------------------------------------------- commands sent to MongoDB


@pytest.mark.parametrize(
    ("fields", "aggregations"),
    [
        ("id mode windowStart windowEnd", 0),
        ("checkoutStartedCount", 1),
        ("salesByDay { count }", 1),
        ("totalSales eventsTimeline { purchase } errorCounts { paymentError }", 1),
        ("topViewedProducts { slug }", 1),
        ("totalRevenue averageOrderValue topProducts { slug }", 1),
        ("abandonmentRate", 1),
        ("retentionMetrics { repurchaseRate }", 1),
        ("whatsappSessionsList", 1),
        ("whatsappSessions whatsappPurchases", 2),
        ("sessionStats { uniqueSessions } trafficSources { source }", 3),
    ],
)
async def test_a_selection_sends_the_aggregations_that_it_needs(
    collection: str, fill: Fill, ask: Ask, sent: Sent, fields: str, aggregations: int
) -> None:
    fill(nasty_behaviour())
    await ask(f"{{ dashboardStats {{ {fields} }} }}")
    assert sent.to("analytics_events") == aggregations
    explained = [command for command in sent.commands if command[0] == "explain"]
    assert len(explained) == (aggregations > 0)
    assert len(sent.commands) == aggregations + len(explained)


async def test_aliases_share_their_common_aggregations(
    collection: str, fill: Fill, ask: Ask, sent: Sent
) -> None:
    data = nasty_behaviour()
    fill(data)
    result = await ask(
        "{ a: dashboardStats { totalSales totalRevenue sessionStats { uniqueSessions } }"
        " b: dashboardStats(mode: UNIQUE) { topViewedProducts { slug count } totalRevenue"
        " trafficSources { source sessions } } }"
    )
    assert result.errors is None
    assert result.data is not None
    expected = oracle.dashboard_stats(data, mode="UNIQUE", timezone="UTC", now=NOW)
    for alias in result.data.values():
        for name, value in alias.items():
            if name != "sessionStats":
                assert value == expected[name]
    # Events, events by product, sessions, their sources, purchases twice, sessions by product.
    assert sent.to("analytics_events") == 7


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for key, value in plan.items():
            if key != "rejectedPlans":
                yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


@pytest.mark.parametrize("mode", MODES)
async def test_every_aggregation_scans_a_range_of_an_index(
    indexed: None, mongo: Mongo, fill: Fill, ask: Ask, sent: Sent, mode: str
) -> None:
    chance, types = Random(1), [*oracle.TIMELINE.values(), "whatsapp_cart_click"]
    events = [
        {
            "_id": number,
            "event_type": chance.choice(types),
            "session_id": f"s{number // 5}",
            "product_slug": f"p{chance.randrange(50)}",
            "source": chance.choice(("google", "direct", None)),
            "created_at": NOW - timedelta(minutes=number),
        }
        for number in range(10_000)
    ]
    fill({"analytics_events": events})
    await _answer(ask, mode)
    pipelines = [p for p in sent.pipelines if "created_at" in p[0].get("$match", {})]
    assert len(pipelines) == (12 if mode == "TOTAL" else 16)
    for pipeline in pipelines:
        explained = mongo.command(
            "explain",
            {
                "aggregate": "analytics_events",
                "pipeline": pipeline,
                "cursor": {},
                "allowDiskUse": True,
                "collation": {"locale": "simple"},
            },
            verbosity="queryPlanner",
        )
        stages = set(_stages(explained))
        assert "IXSCAN" in stages
        assert stages.isdisjoint({"COLLSCAN", "SORT"}), pipeline
        # No index contains the prices and quantities of purchases, or the names of products.
        reads_documents = "price" in str(pipeline) or "product_name" in str(pipeline)
        assert ("FETCH" in stages) == reads_documents, pipeline


# ---------------------------------------------------------------- hostile values


@pytest.mark.parametrize("end", ["x", ".x", "e", "", ".5.5"])
async def test_a_very_long_text_as_price_is_read_quickly(
    fill: Fill, ask: Ask, mongo: Mongo, end: str
) -> None:
    price = "1" * 300_000 + end
    fill({"analytics_events": [_purchase(price), _purchase("0" * 300_000 + "5.25")]})
    result = await ask("{ dashboardStats { totalSales totalRevenue } }")
    assert result.data == {"dashboardStats": {"totalSales": 2, "totalRevenue": 5.25}}


async def test_a_price_with_invalid_utf8_counts_as_zero(fill: Fill, ask: Ask, mongo: Mongo) -> None:
    fill({"analytics_events": [_purchase("7.5")]})
    for number, price in enumerate((b"\xff\xfe\xfd", b"1\xc3.", b"\xe2\x82")):
        whole = bson.encode(_purchase("x" * len(price)) | {"_id": number})
        broken = RawBSONDocument(whole.replace(b"x" * len(price) + b"\0", price + b"\0"))
        mongo["analytics_events"].insert_one(broken)
    result = await ask("{ dashboardStats { totalSales totalRevenue } }")
    assert result.data == {"dashboardStats": {"totalSales": 4, "totalRevenue": 7.5}}


async def test_a_price_is_cut_to_15_digits_before_its_limit_is_checked(
    fill: Fill, ask: Ask
) -> None:
    fill({"analytics_events": [_purchase(999_999_999_999.9999), _purchase(999_999_999_999.99)]})
    result = await ask("{ dashboardStats { totalRevenue } }")
    assert result.data == {"dashboardStats": {"totalRevenue": 999_999_999_999.99}}


@pytest.mark.parametrize("mode", MODES)
async def test_many_long_slugs_are_counted(fill: Fill, ask: Ask, mode: str) -> None:
    event = {"event_type": "product_view", "created_at": NOW, "session_id": "s"}
    slugs = [f"{number:04}" + "s" * 4_000 for number in range(5_000)]
    fill({"analytics_events": [event | {"product_slug": slug} for slug in slugs]})
    result = await ask(
        "query ($mode: CountMode!) { dashboardStats(mode: $mode) { topViewedProducts { slug } } }",
        mode=mode,
    )
    assert result.errors is None
    assert result.data is not None
    found = result.data["dashboardStats"]["topViewedProducts"]
    assert [row["slug"] for row in found] == slugs[:5]


def _purchase(price: object) -> dict[str, Any]:
    return {"event_type": "purchase", "created_at": NOW, "price": price}


# ---------------------------------------------------------------- failures


async def test_an_aggregation_that_takes_too_long_is_an_error(
    collection: str, fill: Fill, ask: Ask
) -> None:
    fill(nasty_behaviour())
    result = await ask(operation.DASHBOARD_STATS, seconds=0.0001, mode="TOTAL", timezone="UTC")
    assert result.data == {"dashboardStats": None}
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions == {"code": "SERVICE_UNAVAILABLE"}
    assert "took too long" in error.message


async def test_an_aggregation_that_fails_leaves_other_kpis_intact(
    collection: str, fill: Fill, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = nasty_behaviour()
    fill(data)
    pipeline = Slice.pipeline

    def failing(needs: Slice) -> list[Stage]:
        stages = pipeline(needs)
        return [*stages, {"$set": {"a": {"$divide": [1, 0]}}}] if needs.cube is SESSIONS else stages

    monkeypatch.setattr(Slice, "pipeline", failing)
    result = await ask(
        "{ a: dashboardStats { totalSales } b: dashboardStats { trafficSources { source } } }"
    )
    expected = oracle.dashboard_stats(data, mode="TOTAL", timezone="UTC", now=NOW)
    assert result.data == {"a": {"totalSales": expected["totalSales"]}, "b": None}


@pytest.fixture
def little_memory(mongo: Mongo) -> Iterator[None]:
    """A memory limit of 2,000 bytes for groups: larger ones spill to disk."""
    admin, parameters = mongo.client["admin"], dict.fromkeys(_MEMORY, 1)
    before = admin.command({"getParameter": 1, **parameters})
    admin.command({"setParameter": 1, **dict.fromkeys(_MEMORY, 2_000)})
    yield
    admin.command({"setParameter": 1} | {name: before[name] for name in _MEMORY})


_MEMORY = (
    "internalDocumentSourceGroupMaxMemoryBytes",
    "internalQuerySlotBasedExecutionHashAggApproxMemoryUseInBytesBeforeSpill",
)


async def test_groups_beyond_the_memory_limit_use_the_disk(
    collection: None, little_memory: None, fill: Fill, ask: Ask
) -> None:
    events = _every_20_minutes(NOW)["analytics_events"]
    data = {
        "analytics_events": [
            {
                **event,
                "session_id": f"{number % 199:050}",
                "product_slug": f"{number % 71:050}",
                "source": f"source {number % 7}",
            }
            for number, event in enumerate(events)
        ]
    }
    fill(data)
    await compare_dashboards(ask, data)
