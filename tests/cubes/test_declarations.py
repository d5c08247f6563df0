"""Declarations of cubes are checked at import; data are never evaluated as expressions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from cubes.cells import CubeError
from cubes.cube import Cube
from cubes.declared.behaviour import BEHAVIOUR, SESSIONS
from cubes.declared.events import EVENT_ROWS, EVENTS
from cubes.declared.orders import ORDERS
from cubes.declared.products import PRODUCTS
from cubes.declared.tickets import TICKETS
from cubes.distinct import DistinctCube
from cubes.registry import CUBES, Catalog
from cubes.rows import Page, Table
from documents.analytics_event import AnalyticsEvent
from documents.ticket import Ticket
from loaders.loader import Loader
from resolvers.kpi.declarations import fold
from resolvers.kpi.terms import total
from resolvers.stored_values import text
from resolvers.tickets.row import _at
from rollups.layout.rollup import DEFAULT_ROLLUPS, is_additive
from tests.conftest import Ask, Dataset


def _cube(**changed: Any) -> Cube:
    declared: dict[str, Any] = {
        "name": "made up",
        "source": Ticket,
        "dimensions": {"event": "$event_id"},
        "measures": {"tickets": 1},
    }
    return Cube(**declared | changed)


def _described(stats: object, cells: object) -> None:
    """A KPI with a description."""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dimensions": {"event": "$event"}}, "event is not a field of Ticket"),
        ({"measures": {"colours": {"$sum": "$wallet.colour"}}}, "wallet.colour is not a field"),
        ({"where": {"$eq": ["$state", 1]}}, "state is not a field"),
        ({"match": {"situation": 1}}, "situation is not a field"),
        ({"array_guards": frozenset({"situation"})}, "situation is not a field"),
        ({"dimensions": {"time": "$created_at"}}, "time is reserved"),
        ({"dimensions": {"by event": "$event_id"}}, "by event must be a name"),
        ({"measures": {"documents": 1}}, "documents is reserved"),
        ({"rollup_levels": [frozenset({"status"})]}, "status of rollup_levels is not a dimension"),
        (
            {"measures": {"late": {"$lt": ["$created_at", "$$noon"]}}},
            "noon is not one of its param",
        ),
        (
            {"granularities": [timedelta(hours=1), timedelta(minutes=90)]},
            "not a multiple of 1:00:00",
        ),
    ],
)
def test_an_invalid_declaration_of_a_cube_is_an_error(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(CubeError, match=message):
        _cube(**changed)


def test_a_column_of_what_is_no_field_is_an_error() -> None:
    with pytest.raises(CubeError, match=r"wallet\.colour is not a field of Ticket"):
        Table(Ticket, {"number": "$wallet.ticket_number", "colour": {"$trim": "$wallet.colour"}})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("wallet.colour", r"wallet\.colour is not a field of Ticket"),
        ("event.colour", r"no column event\.colour; of event there are .*organizer_id"),
    ],
)
def test_a_field_of_the_ticket_report_of_what_is_no_field_is_an_error(
    path: str, message: str
) -> None:
    with pytest.raises(CubeError, match=message):
        _at(path, text, "Made up.")


def test_a_distinct_count_cube_reads_only_its_traits() -> None:
    with pytest.raises(CubeError, match=r"\$session_id is neither _id nor one of its traits"):
        DistinctCube(
            name="made up",
            source=AnalyticsEvent,
            individual="$session_id",
            dimensions={"session": "$session_id"},
            measures={"sessions": 1},
        )


def test_all_cubes_of_the_declared_modules_are_found() -> None:
    assert {EVENTS, ORDERS, TICKETS, BEHAVIOUR, SESSIONS} < {*CUBES}
    assert len({cube.name for cube in CUBES}) == len(CUBES)
    assert all(cube.documents() or cube.source for cube in CUBES)


def test_a_cube_outside_the_declared_modules_is_an_error() -> None:
    stray = _cube()
    with pytest.raises(CubeError, match="made up is not declared"):
        total(stray, "tickets")
    with pytest.raises(CubeError, match="made up is not declared"):
        fold(stray.slice(measures=["tickets"]))(_described)
    with pytest.raises(CubeError, match="made up is not declared"):
        Catalog().bound(stray)


async def test_a_parameter_without_a_value_is_an_error() -> None:
    loader = Loader({}, timeout=1)
    with pytest.raises(CubeError, match="cube events needs a value for now"):
        await loader.load(EVENTS.slice(measures=["upcoming"]))


def test_only_the_measures_in_use_need_their_parameters() -> None:
    assert EVENTS.slice(measures=["events"]).missing == frozenset()
    assert EVENTS.slice(measures=["upcoming"]).missing == {"now"}


def test_a_slice_of_what_a_cube_has_not_is_refused() -> None:
    with pytest.raises(
        CubeError,
        match="Cube orders has no dimension colour; it has event, status, gateway, method",
    ):
        ORDERS.slice("colour", measures=["orders", "sorrow"])


@pytest.mark.parametrize(
    ("measure", "where"),
    [("orders", {"statis": ["PENDING"]}), ("orders", {"gateway": ["asaas"]}), ("cents", {})],
)
def test_reading_cells_by_names_that_their_slice_lacks_is_an_error(
    measure: str, where: dict[str, Any]
) -> None:
    by_status = ORDERS.slice("status", measures=["orders"])
    by_both = by_status.merge(ORDERS.slice("gateway", measures=["orders"]))
    cells = by_status.answer([{"_id": {"status": "PENDING", "gateway": "asaas"}, "orders": 2}])
    beside = by_status.view(by_both.answer([*cells]))
    for each in (cells, beside):
        assert each.sum("orders", status=["PENDING"]) == 2
        with pytest.raises(CubeError, match="The slice has no"):
            each.sum(measure, **where)


def test_settings_are_bound_into_expressions() -> None:
    (cash,) = (cube for cube in Catalog({"paid_statuses": ["$CASH"]}) if cube.name == "orders")
    (usual,) = (cube for cube in Catalog() if cube.name == "orders")
    assert "{'$literal': ['$CASH']}" in str(cash.measures)
    assert "CONFIRMED" in str(usual.measures)
    assert Catalog().bound(TICKETS) is TICKETS


def test_slices_of_one_filter_merge_into_one_group() -> None:
    merged = ORDERS.slice("status", measures=["orders"]).merge(
        ORDERS.slice("gateway", measures=["amount_cents"])
    )
    (group,) = merged.pipeline()
    assert set(group["$group"]) == {"_id", "orders", "amount_cents"}
    assert set(group["$group"]["_id"]) == {"status", "gateway"}


def test_keyed_slices_merge_into_one_with_all_keys() -> None:
    tickets = TICKETS.slice("event", measures=["tickets"])
    a, b = ObjectId(), ObjectId()
    merged = tickets.only("event", [a]).merge(tickets.only("event", [b]))
    assert set(merged.pipeline()[0]["$match"]["event_id"]["$in"]) == {a, b}


def test_a_filter_value_is_a_literal() -> None:
    page = Page(EVENT_ROWS, frozenset({"title"}), (("event_type", "$title"),))
    assert page.pipeline()[0]["$match"]["$expr"]["$eq"][1] == {"$literal": "$title"}


NASTY_TEXTS = ["$x", "$$NOW", "$$ROOT", "$title", "a.b", "{$gt: 1}", "$$REMOVE"]


@pytest.mark.parametrize("text", NASTY_TEXTS)
async def test_a_text_that_looks_like_an_expression_is_data(
    fill: Callable[[Dataset], None], ask: Ask, text: str
) -> None:
    event, code = ObjectId(), ObjectId()
    order = {"_id": ObjectId(), "event_id": event, "amount_cents": 100, "ticket_count": 1}
    fill(
        {
            "events": [{"_id": event, "title": text, "event_type": text, "location": text}],
            "tickets": [{"_id": ObjectId(), "event_id": event, "promo_code_id": code}],
            "ticket_orders": [
                {**order, "payment_status": text, "gateway": text, "payment_method": text}
            ],
            "promo_codes": [{"_id": code, "code": text, "code_type": text, "title": text}],
            "products": [
                {
                    "_id": ObjectId(),
                    "inventory": {"stock_quantity": 1},
                    "pricing": {"price_cents": 100, "currency": text},
                }
            ],
        }
    )
    result = await ask(
        "query ($type: String) { eventStats(eventType: $type) {"
        " total events { title eventType location } }"
        " eventsOverview { eventsByType { eventType } }"
        " orderStats { byStatus { key } byGateway { key } byPaymentMethod { key } }"
        " promoCodeStats { byType { codeType } topCodes { code codeType title } }"
        " metrics(activeOnly: false) { inventoryRevenueByCurrency { currency } } }",
        type=text,
    )
    assert result.errors is None
    assert result.data == {
        "eventStats": {
            "total": 1,
            "events": [{"title": text, "eventType": text, "location": text}],
        },
        "eventsOverview": {"eventsByType": [{"eventType": text}]},
        "orderStats": {
            "byStatus": [{"key": text}],
            "byGateway": [{"key": text}],
            "byPaymentMethod": [{"key": text}],
        },
        "promoCodeStats": {
            "byType": [{"codeType": text}],
            "topCodes": [{"code": text, "codeType": text, "title": text}],
        },
        "metrics": {"inventoryRevenueByCurrency": [{"currency": text}]},
    }


def test_rollups_have_what_depends_on_documents_alone() -> None:
    names = {cube.name for rollup in DEFAULT_ROLLUPS for cube in rollup.cubes}
    of_behaviour = ["behaviour", "product activity", "purchases"]
    sales = ["orders", "promo codes", "tickets", "promo tickets", "users"]
    assert names >= {*of_behaviour, *sales}
    # Their expressions have parameters: the time of a request, and a setting.
    assert not is_additive(EVENTS)
    assert not is_additive(PRODUCTS)
    assert not is_additive(SESSIONS)


def test_the_names_of_levels_are_unique() -> None:
    levels = [level for rollup in DEFAULT_ROLLUPS for level in rollup.levels]
    assert len({level.name for level in levels}) == len(levels)
