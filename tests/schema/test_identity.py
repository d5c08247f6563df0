"""Ids of stats: equal for the same stats and different for others, so that clients can merge."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Final

import pytest
import strawberry
from graphql import is_required_argument, print_ast
from hypothesis import given
from hypothesis import strategies as st

from auth.viewer import Permission, Role, Viewer
from schema.identity import identity
from tests.conftest import Ask, Dataset, Sent
from tests.operations import SCHEMA, every_field, fields_of, named
from tests.strategies import NOW, nasty

# Root field → its type, of the fields that answer totals.
TOTALS: Final = {
    name: named(field.type)
    for name, field in fields_of("Query").items()
    if "id" in getattr(SCHEMA.type_map[named(field.type)], "fields", {})
    and not any(map(is_required_argument, field.args.values()))
}
# Type of an argument → values other than its default.
OTHERS: Final = {
    "CountMode!": ["UNIQUE"],
    "String!": ['"America/Bogota"', '"Asia/Kathmandu"'],
    "Boolean!": ["false"],
}


async def _id(ask: Ask, root: str, arguments: str = "", **given: Any) -> str:
    result = await ask(f"{{ {root}{arguments} {{ id }} }}", **given)
    assert result.errors is None
    assert result.data is not None
    found: str = result.data[root]["id"]
    return found


def test_each_total_has_an_id() -> None:
    assert [*TOTALS.values()] == [
        "EventsOverview",
        "PromoCodeStats",
        "OrderStats",
        "DashboardStats",
        "Metrics",
    ]


async def test_an_id_is_the_types_name_and_the_arguments_after_defaults(ask: Ask) -> None:
    assert await _id(ask, "orderStats") == "OrderStats"
    assert await _id(ask, "dashboardStats") == ('DashboardStats({"mode":"TOTAL","timezone":"UTC"})')
    assert await _id(ask, "dashboardStats", '(timezone: "America/Bogota", mode: UNIQUE)') == (
        'DashboardStats({"mode":"UNIQUE","timezone":"America/Bogota"})'
    )


@pytest.mark.parametrize("root", TOTALS)
async def test_a_default_that_is_given_makes_the_same_id(ask: Ask, root: str) -> None:
    expected = await _id(ask, root)
    for name, argument in fields_of("Query")[root].args.items():
        assert argument.ast_node is not None
        if default := argument.ast_node.default_value:
            assert await _id(ask, root, f"({name}: {print_ast(default)})") == expected


@pytest.mark.parametrize("root", TOTALS)
async def test_each_other_argument_makes_another_id(ask: Ask, root: str) -> None:
    given = [
        f"({name}: {value})"
        for name, argument in fields_of("Query")[root].args.items()
        for value in OTHERS[str(argument.type)]
    ]
    assert len({await _id(ask, root, each) for each in ["", *given]}) == 1 + len(given)


async def test_a_variable_makes_the_same_id_as_its_value(ask: Ask) -> None:
    text = "query ($mode: CountMode! = TOTAL, $zone: String!) {"
    text += " dashboardStats(mode: $mode, timezone: $zone) { id } }"
    result = await ask(text, zone="UTC")
    assert result.data == {"dashboardStats": {"id": await _id(ask, "dashboardStats")}}


async def test_an_id_depends_neither_on_now_nor_on_the_selection(ask: Ask) -> None:
    later = await _id(ask, "dashboardStats", now=datetime(2027, 1, 1, tzinfo=UTC))
    assert later == await _id(ask, "dashboardStats")
    whole = await ask(f"{{ dashboardStats {every_field('DashboardStats')} }}")
    assert whole.data is not None
    assert whole.data["dashboardStats"]["id"] == later


async def test_stats_of_many_cells_have_their_id(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Dataset], None]
) -> None:
    # KPIs of many cells are computed before the stats are identified.
    monkeypatch.setattr("resolvers.kpi.stats.MANY", 0)
    fill(nasty())
    result = await ask("{ promoCodeStats { id topCodes { id } totalTicketsFromPromos } }")
    assert result.errors is None
    assert result.data is not None
    assert result.data["promoCodeStats"]["id"] == "PromoCodeStats"


@pytest.mark.parametrize("viewer", [Viewer(role) for role in Role], ids=str)
async def test_every_caller_reads_the_id_of_metrics_and_learns_nothing_else(
    ask: Ask, sent: Sent, viewer: Viewer
) -> None:
    result = await ask("{ metrics(activeOnly: false) { id } }", viewer)
    assert result.errors is None
    assert result.data == {"metrics": {"id": 'Metrics({"activeOnly":false})'}}
    assert sent.commands == []


@pytest.mark.parametrize("root", sorted(TOTALS.keys() - {"metrics"}))
async def test_a_denied_caller_reads_no_id(ask: Ask, sent: Sent, root: str) -> None:
    result = await ask(f"{{ {root} {{ id }} }}", Viewer(Role.STAFF, tuple(Permission)))
    assert result.data == {root: None}
    assert [error.message for error in result.errors or ()] == [
        f"'{root}' can only be read by the role ADMIN."
    ]
    assert sent.commands == []


# ---------------------------------------------------------------- commands sent to MongoDB


@pytest.mark.parametrize("root", TOTALS)
async def test_the_id_of_a_total_alone_sends_no_commands(ask: Ask, sent: Sent, root: str) -> None:
    await _id(ask, root)
    assert sent.commands == []


async def test_the_ids_of_rows_send_the_commands_of_a_column(
    fill: Callable[[Dataset], None], ask: Ask, sent: Sent
) -> None:
    fill(nasty())
    await ask("{ eventStats { events { id } } }")
    assert sent.commands == [("aggregate", "events")]
    await ask("{ promoCodeStats { topCodes { id } } }")
    assert [*sent.commands] == [("aggregate", "tickets"), ("aggregate", "promo_codes")]


# ---------------------------------------------------------------- any arguments


@strawberry.enum
class Shade(Enum):
    LIGHT = "light"
    DARK = "dark"


@strawberry.input
class Days:
    first: date
    last: date | None = strawberry.UNSET


@strawberry.type
class Query:
    @strawberry.field
    def id(
        self,
        info: strawberry.Info[Any, Any],
        text: str | None = strawberry.UNSET,
        other_text: str | None = None,
        number: int = 7,
        shade: Shade = Shade.LIGHT,
        days: Days | None = strawberry.UNSET,
        at: datetime | None = strawberry.UNSET,
    ) -> strawberry.ID:
        return strawberry.ID(identity(info))


ANY: Final = strawberry.Schema(Query)
_TEXT: Final = (
    "query ($text: String, $otherText: String, $number: Int! = 7, $shade: Shade! = LIGHT,"
    " $days: Days, $at: DateTime) { id(text: $text, otherText: $otherText, number: $number,"
    " shade: $shade, days: $days, at: $at) }"
)
_DATES: Final = st.dates(date(2026, 1, 1), date(2026, 1, 3)).map(str)
_ARGUMENTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "text": st.none() | st.text(st.characters(exclude_categories=[])),
        "otherText": st.none() | st.sampled_from(["", '"', '","number":7', "é"]),
        "number": st.integers(6, 8),
        "shade": st.sampled_from([each.name for each in Shade]),
        "days": st.none() | st.fixed_dictionaries({"first": _DATES}, optional={"last": _DATES}),
        "at": st.none() | st.sampled_from(["2026-01-01T00:00:00+00:00", NOW.isoformat()]),
    },
)


@given(one=_ARGUMENTS, other=_ARGUMENTS)
async def test_ids_are_equal_if_and_only_if_the_arguments_are(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    def effective(given: dict[str, Any]) -> str:
        filled = {"number": 7, "shade": "LIGHT", **given}
        return json.dumps(
            {name: each for name, each in filled.items() if each is not None}, sort_keys=True
        )

    ids = []
    for given_arguments in (one, other):
        result: Any = await ANY.execute(_TEXT, given_arguments)
        assert result.errors is None
        ids.append(result.data["id"])
        assert ids[-1].isascii()
    assert (ids[0] == ids[1]) == (effective(one) == effective(other))
