"""The cubes and tables as declared: what they read exists, and data are never expressions."""

from collections.abc import Callable
from typing import Any, get_args, get_origin

import pytest
from bson import ObjectId
from pydantic import BaseModel

import cubes.declared.behaviour
import cubes.declared.events
import cubes.declared.orders
import cubes.declared.products
import cubes.declared.promo_codes
import cubes.declared.tickets
import cubes.declared.users
from cubes.cube import Cube
from cubes.distinct import Census
from cubes.expressions import mentioned
from cubes.registry import CUBES
from cubes.rows import Page, Table
from rollups.layout.rollup import ROLLUPS, is_kept
from tests.conftest import Ask, Dataset

VARIABLES = {"$$now", "$$low_stock_threshold", "$$parsed"}


def test_all_cubes_are_declared() -> None:
    assert {*CUBES} == {each for each in _declared() if isinstance(each, Cube)}
    assert len({cube.name for cube in CUBES}) == len(CUBES)


def _declared() -> list[Cube | Table]:
    modules = (
        cubes.declared.behaviour,
        cubes.declared.events,
        cubes.declared.orders,
        cubes.declared.products,
        cubes.declared.promo_codes,
        cubes.declared.tickets,
        cubes.declared.users,
    )
    single = [value for module in modules for value in vars(module).values()]
    declared = [*single, *cubes.declared.behaviour.SESSIONS_WITH.values()]
    return [each for each in declared if isinstance(each, Cube | Table)]


def _field(model: type[BaseModel], path: list[str]) -> bool:
    name, *rest = path
    name = "id" if name == "_id" else name
    if name not in model.model_fields:
        return False
    if not rest:
        return True
    pending: list[Any] = [model.model_fields[name].annotation]
    while pending:
        kind = pending.pop()
        if get_origin(kind) is dict:
            return True  # of no fixed shape
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return _field(kind, rest)
        pending.extend(get_args(kind))
    return False


@pytest.mark.parametrize("declared", _declared(), ids=lambda d: f"{type(d).__name__} {d.source}")
def test_every_path_is_a_field_of_the_document(declared: Cube | Table) -> None:
    fields: list[str] = []
    expressions: list[Any]
    if isinstance(declared, Table):
        expressions = [declared.columns]
    elif isinstance(declared, Census):
        expressions = [declared.individual, declared.traits, declared.where]
        own = set(mentioned([declared.dimensions, declared.measures, declared.known]))
        assert {path.split(".")[0] for path in own} <= {"$_id"} | {f"${t}" for t in declared.traits}
    else:
        expressions = [declared.dimensions, declared.measures, declared.where]
    if isinstance(declared, Cube):
        fields += [*declared.match, *declared.plain]
    paths = {*mentioned(expressions), *(f"${field}" for field in fields)}
    assert paths
    for path in paths - VARIABLES:
        assert _field(declared.source, path.removeprefix("$").split(".")), path


def test_a_slice_of_what_a_cube_has_not_is_refused() -> None:
    with pytest.raises(KeyError, match="cube orders has no colour, sorrow"):
        cubes.declared.orders.ORDERS.slice("colour", measures=["orders", "sorrow"])


def test_slices_of_one_filter_merge_into_one_group() -> None:
    orders = cubes.declared.orders.ORDERS
    merged = orders.slice("status", measures=["orders"]).merge(
        orders.slice("gateway", measures=["amount_cents"])
    )
    (group,) = merged.pipeline()
    assert set(group["$group"]) == {"_id", "orders", "amount_cents"}
    assert set(group["$group"]["_id"]) == {"status", "gateway"}


def test_keyed_slices_merge_into_one_that_looks_at_all_keys() -> None:
    tickets = cubes.declared.tickets.TICKETS.slice("event", measures=["tickets"])
    a, b = ObjectId(), ObjectId()
    merged = tickets.only("event", [a]).merge(tickets.only("event", [b]))
    assert set(merged.pipeline()[0]["$match"]["event_id"]["$in"]) == {a, b}


def test_a_filter_value_is_a_literal() -> None:
    page = Page(cubes.declared.events.EVENT_ROWS, frozenset({"title"}), (("event_type", "$title"),))
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


def test_the_variables_are_those_that_requests_bring() -> None:
    used = {
        path
        for declared in _declared()
        if isinstance(declared, Cube)
        for path in mentioned([declared.dimensions, declared.measures])
        if path.startswith("$$")
    }
    assert used == VARIABLES


def test_cells_are_kept_of_what_depends_on_documents_alone() -> None:
    kept = [cube.name for rollup in ROLLUPS for cube in rollup.cubes]
    of_behaviour = ["behaviour", "product activity", "purchases"]
    assert kept == ["tickets", "promo tickets", "orders", "promo codes", "users", *of_behaviour]
    # The time of a request, and a setting.
    assert not is_kept(cubes.declared.events.EVENTS)
    assert not is_kept(cubes.declared.products.PRODUCTS)
    assert not is_kept(cubes.declared.behaviour.SESSIONS)


def test_levels_have_names_and_dimensions_of_their_own() -> None:
    levels = [level for rollup in ROLLUPS for level in rollup.levels]
    assert len({level.name for level in levels}) == len(levels)
    assert all(level.dimensions <= {*level.cube.dimensions} for level in levels)
    assert all("documents" not in level.cube.measures for level in levels)
