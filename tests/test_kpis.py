"""Every KPI against the brute-force oracle, for random, hand-written and empty data."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import Code, Decimal128, Int64, MinKey, ObjectId, Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import operations as operation
from tests import oracle
from tests.conftest import Ask, Dataset, Sent
from tests.profiles import PROFILE
from tests.strategies import NOW, datasets, event_stats_arguments, nasty

Fill = Callable[[Dataset], None]


def _variables(arguments: dict[str, Any]) -> dict[str, Any]:
    """The oracle's arguments as the operation's variables."""
    order = arguments.get("order_by")
    return {
        "page": arguments.get("page", 0),
        "limit": arguments.get("limit", 20),
        "eventType": arguments.get("event_type"),
        "activeOnly": arguments.get("active_only", False),
        "orderBy": {"field": order[0], "direction": order[1]} if order else None,
    }


async def compare_all(ask: Ask, data: Dataset, threshold: int = 5) -> None:
    await compare_totals(ask, data, threshold)
    await _compare_event_stats(ask, data, {})


async def compare_totals(ask: Ask, data: Dataset, threshold: int = 5) -> None:
    result = await ask(operation.EVENTS_OVERVIEW)
    assert result.errors is None
    assert result.data == {"eventsOverview": oracle.events_overview(data, now=NOW)}

    result = await ask(operation.ORDER_STATS)
    assert result.errors is None
    assert result.data == {"orderStats": oracle.order_stats(data)}

    result = await ask(operation.PROMO_CODE_STATS)
    assert result.errors is None
    assert result.data == {"promoCodeStats": oracle.promo_code_stats(data)}

    for active_only in (True, False):
        result = await ask(operation.METRICS, activeOnly=active_only, low_stock_threshold=threshold)
        assert result.errors is None
        assert result.data == {
            "metrics": oracle.metrics(data, active_only=active_only, low_stock_threshold=threshold)
        }


async def _compare_event_stats(ask: Ask, data: Dataset, arguments: dict[str, Any]) -> None:
    result = await ask(operation.EVENT_STATS, **_variables(arguments))
    assert result.errors is None
    assert result.data == {"eventStats": oracle.event_stats(data, **arguments)}


@given(data=datasets(), threshold=st.integers(-3, 10))
async def test_every_kpi_equals_brute_force(
    fill: Fill, ask: Ask, data: Dataset, threshold: int
) -> None:
    fill(data)
    await compare_all(ask, data, threshold)


@settings(max_examples=PROFILE.page_examples)
@given(data=datasets(), arguments=st.lists(event_stats_arguments(), min_size=1, max_size=8))
async def test_pages_filters_and_orders_of_event_stats_equal_brute_force(
    fill: Fill, ask: Ask, data: Dataset, arguments: list[dict[str, Any]]
) -> None:
    fill(data)
    for each in arguments:
        await _compare_event_stats(ask, data, each)


async def test_hand_written_bad_documents_equal_brute_force(fill: Fill, ask: Ask) -> None:
    data = nasty()
    fill(data)
    await compare_all(ask, data)


async def test_one_event_equals_brute_force(fill: Fill, ask: Ask) -> None:
    data = nasty()
    fill(data)
    for document in data["events"]:
        result = await ask(operation.EVENT, id=str(document["_id"]))
        assert result.errors is None
        assert result.data == {"event": oracle.event(data, document["_id"])}


@pytest.mark.parametrize("first", [1, 2, 100])
async def test_top_codes_are_at_most_first(fill: Fill, ask: Ask, first: int) -> None:
    data = nasty()
    fill(data)
    result = await ask(
        "query ($first: Int!) { promoCodeStats { topCodes(first: $first)"
        f" {operation.every_field('TopPromoCode')} }} }}",
        first=first,
    )
    expected = oracle.promo_code_stats(data, first=first)["topCodes"]
    assert result.data == {"promoCodeStats": {"topCodes": expected}}


async def test_an_empty_database_answers_zeros(fill: Fill, ask: Ask) -> None:
    fill({})
    await compare_all(ask, {})


@pytest.mark.parametrize("field", operation.fields_of("EventStats"))
async def test_an_event_field_selected_alone_has_the_same_value(
    fill: Fill, ask: Ask, field: str
) -> None:
    data = nasty()
    fill(data)
    below = operation.every_field("TicketStatusCounts") if field == "ticketStatus" else ""
    result = await ask(f"{{ eventStats(limit: 500) {{ events {{ {field} {below} }} }} }}")
    expected = oracle.event_stats(data, limit=500)["events"]
    assert result.data == {"eventStats": {"events": [{field: e[field]} for e in expected]}}


@pytest.mark.parametrize(
    ("root", "kind", "expected"),
    [
        ("eventsOverview", "EventsOverview", lambda d: oracle.events_overview(d, now=NOW)),
        ("orderStats", "OrderStats", oracle.order_stats),
        ("promoCodeStats", "PromoCodeStats", oracle.promo_code_stats),
        ("metrics", "Metrics", oracle.metrics),
    ],
)
async def test_a_kpi_selected_alone_has_the_same_value(
    fill: Fill, ask: Ask, root: str, kind: str, expected: Callable[[Dataset], dict[str, Any]]
) -> None:
    data = nasty()
    fill(data)
    for name, definition in operation.fields_of(kind).items():
        below = operation.every_field(operation.named(definition.type))
        result = await ask(f"{{ {root} {{ {name} {below} }} }}")
        assert result.errors is None
        assert result.data == {root: {name: expected(data)[name]}}


# ---------------------------------------------------------------- commands sent to MongoDB


async def test_a_full_page_of_events_sends_four_commands(fill: Fill, ask: Ask, sent: Sent) -> None:
    fill(nasty())
    await ask(operation.EVENT_STATS, **_variables({"limit": 500}))
    assert len(sent.commands) == 4
    assert (sent.to("events"), sent.to("tickets"), sent.to("ticket_orders")) == (2, 1, 1)


async def test_titles_alone_send_nothing_to_tickets_or_orders(
    fill: Fill, ask: Ask, sent: Sent
) -> None:
    fill(nasty())
    await ask("{ eventStats { events { title } } }")
    assert sent.commands == [("aggregate", "events")]


async def test_a_total_alone_sends_one_command(fill: Fill, ask: Ask, sent: Sent) -> None:
    data = nasty()
    fill(data)
    result = await ask('{ eventStats(activeOnly: true, eventType: "concert") { total } }')
    expected = oracle.event_stats(data, active_only=True, event_type="concert")["total"]
    assert result.data == {"eventStats": {"total": expected}}
    assert sent.commands == [("aggregate", "events")]


async def test_a_page_without_events_sends_nothing_to_tickets_or_orders(
    ask: Ask, sent: Sent
) -> None:
    result = await ask(
        "{ eventStats(page: 1000) { total events { title ticketsIssued revenue } } }"
    )
    assert result.data is not None
    assert result.data["eventStats"]["events"] == []
    assert sent.commands == [("aggregate", "events")] * 2


async def test_five_aliases_of_order_stats_send_one_command(ask: Ask, sent: Sent) -> None:
    result = await ask(
        "{ a: orderStats { totalOrders } b: orderStats { totalRevenue }"
        " c: orderStats { byStatus { key count } } d: orderStats { avgTicketsPerOrder }"
        " e: orderStats { byGateway { key totalAmount } confirmedRevenue } }"
    )
    assert result.errors is None
    assert sent.commands == [("aggregate", "ticket_orders")]


async def test_events_by_id_share_their_commands(fill: Fill, ask: Ask, sent: Sent) -> None:
    data = nasty()
    fill(data)
    ids = [str(document["_id"]) for document in data["events"]][:5]
    aliases = (f'e{i}: event(id: "{id}") {{ title ticketsIssued }}' for i, id in enumerate(ids))
    result = await ask(f"{{ {' '.join(aliases)} }}")
    expected = {e["eventId"]: e for e in oracle.event_stats(data, limit=500)["events"]}
    assert result.data == {
        f"e{i}": {name: expected[id][name] for name in ("title", "ticketsIssued")}
        for i, id in enumerate(ids)
    }
    assert sorted(sent.commands) == [("aggregate", "events"), ("aggregate", "tickets")]


async def test_a_dashboard_sends_one_command_for_each_cube(
    fill: Fill, ask: Ask, sent: Sent
) -> None:
    fill(nasty())
    await ask(
        "{ eventsOverview { totalEvents totalTicketsIssued totalRevenue }"
        " orderStats { byStatus { key count } } metrics { totalCustomers totalProducts } }"
    )
    assert sorted(name for _, name in sent.commands) == [
        "events",
        "products",
        "ticket_orders",
        "tickets",
        "users",
    ]


async def test_a_skipped_field_is_not_counted(ask: Ask, sent: Sent) -> None:
    await ask(
        "query ($no: Boolean = false) { orderStats @include(if: $no) { totalOrders }"
        " eventsOverview { totalEvents ...T @include(if: $no) totalRevenue @skip(if: true) } }"
        " fragment T on EventsOverview { totalTicketsIssued }"
    )
    assert sent.commands == [("aggregate", "events")]


async def test_only_selected_fields_are_projected_and_summed(ask: Ask, sent: Sent) -> None:
    await ask("{ orderStats { totalRevenue } }")
    (pipeline,) = sent.pipelines
    assert pipeline == [
        {"$group": {"_id": None, "amount_cents": pipeline[0]["$group"]["amount_cents"]}}
    ]
    await ask("{ eventStats { events { title } } }")
    (pipeline,) = sent.pipelines
    assert set(pipeline[-1]["$project"]) == {"_id", "title"}


async def test_the_viewer_alone_sends_no_command(ask: Ask, sent: Sent) -> None:
    await ask("{ viewer { role } }")
    assert sent.commands == []


ODD_IDS: list[Any] = [
    1, True, 2.5, float("nan"), Decimal128("5"), {"a": 1}, "text", Code("x"), b"bytes", Int64(7),
    NOW, Timestamp(1, 1), MinKey(),
]  # fmt: skip


@pytest.mark.parametrize("limit", [2, 500])
async def test_ids_of_any_type_are_compared_as_in_mongodb(fill: Fill, ask: Ask, limit: int) -> None:
    given = [*ODD_IDS, {"a": 1.0}, 1.0, Decimal128("1"), 5, 5.0, Decimal128("NaN"), 7, False]
    fill(
        {
            "events": [{"_id": id, "title": repr(id)} for id in ODD_IDS],
            "tickets": [{"_id": ObjectId(), "event_id": id, "promo_code_id": id} for id in given],
            "promo_codes": [{"_id": id, "code": repr(id)} for id in ODD_IDS],
        }
    )
    keys = [oracle.bson_key(id) for id in given]
    # No reference refers to JavaScript or MinKey.
    expected = {
        repr(id): 0 if isinstance(id, Code | MinKey) else keys.count(oracle.bson_key(id))
        for id in ODD_IDS
    }

    result = await ask(
        "{ promoCodeStats { unattributedTickets topCodes(first: 100) { code ticketsGenerated } } }"
    )
    assert result.errors is None
    assert result.data is not None
    stats = result.data["promoCodeStats"]
    generated = {code["code"]: code["ticketsGenerated"] for code in stats["topCodes"]}
    assert generated == {code: number for code, number in expected.items() if number}
    assert stats["unattributedTickets"] == len(given) - sum(expected.values()) == 3

    counts: dict[str, int] = {}
    for page in range(len(ODD_IDS) // limit + 1):
        result = await ask(operation.EVENT_STATS, **_variables({"limit": limit, "page": page}))
        assert result.errors is None
        assert result.data is not None
        counts |= {e["title"]: e["ticketsIssued"] for e in result.data["eventStats"]["events"]}
    assert counts == expected


async def test_rows_without_any_field_are_as_many_as_there_are(fill: Fill, ask: Ask) -> None:
    data = nasty()
    fill(data)
    page = await ask("{ eventStats(limit: 500) { total events { __typename } } }")
    assert page.data is not None
    events = page.data["eventStats"]["events"]
    assert events == [{"__typename": "EventStats"}] * page.data["eventStats"]["total"]
    first = next(each["_id"] for each in data["events"] if isinstance(each["_id"], ObjectId))
    one = await ask(f'{{ event(id: "{first}") {{ __typename }} }}')
    assert one.data == {"event": {"__typename": "EventStats"}}
