"""The limits of an operation: depth, aliases, cost and tokens."""

from typing import Any

import pytest
from strawberry.types import ExecutionResult

import schema
from loaders.loader import Loader
from schema.context import Context
from schema.limits import DEFAULTS, Limits
from tests.conftest import ADMIN
from tests.strategies import NOW


async def _errors(query: str, limits: Limits = DEFAULTS, **variables: Any) -> list[str]:
    variables_of_cubes = {"now": NOW, "low_stock_threshold": 5}
    context = Context(ADMIN, NOW, Loader(variables_of_cubes, timeout=10))
    built = schema.build(limits)
    result = await built.execute(query, variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return [error.message for error in result.errors or ()]


async def test_depth_counts_nested_objects(database: object) -> None:
    query = "{ eventStats(limit: 1) { events { ticketStatus { available } } } }"
    assert await _errors(query, Limits(depth=3)) == []
    assert await _errors(query, Limits(depth=2)) == [
        "The operation's depth is 3; at most 2 is allowed."
    ]


async def test_depth_counts_through_fragments(database: object) -> None:
    query = (
        "{ ...A } fragment A on Query { eventStats { ...B } }"
        " fragment B on EventStatsPage { events { ... { ticketStatus { available } } } }"
    )
    assert await _errors(query, Limits(depth=2)) == [
        "The operation's depth is 3; at most 2 is allowed."
    ]


async def test_aliases_are_counted(database: object) -> None:
    query = "{ a: viewer { role } b: viewer { r: role } }"
    assert await _errors(query, Limits(aliases=3)) == []
    assert await _errors(query, Limits(aliases=2)) == [
        "The operation has 3 aliases; at most 2 are allowed."
    ]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ eventStats(limit: 100) { total } }", {}),
        ("query ($n: Int!) { eventStats(limit: $n) { total } }", {"n": 100}),
        ("query ($n: Int! = 100) { eventStats(limit: $n) { total } }", {}),
        ("query ($n: Int!) { eventStats(limit: $n) { total } }", {"n": 100.0}),
    ],
)
async def test_the_cost_is_the_number_of_fields_and_rows(
    database: object, query: str, variables: dict[str, Any]
) -> None:
    assert await _errors(query, Limits(cost=102), **variables) == []
    assert await _errors(query, Limits(cost=101), **variables) == [
        "The operation's cost is 102; at most 101 is allowed."
    ]


async def test_the_default_number_of_rows_costs_too(database: object) -> None:
    assert await _errors("{ eventStats { total } }", Limits(cost=21)) == [
        "The operation's cost is 22; at most 21 is allowed."
    ]


async def test_ten_full_pages_in_one_operation_cost_too_much(database: object) -> None:
    pages = (f"p{i}: eventStats(limit: 500) {{ events {{ title }} }}" for i in range(10))
    (error,) = await _errors(f"{{ {' '.join(pages)} }}")
    assert "cost" in error


async def test_one_of_several_operations_must_be_named(database: object) -> None:
    query = "query A { viewer { role } } query B { viewer { role } }"
    assert await _errors(query) == [
        "The document has several operations: set 'operationName' to one of A, B."
    ]
    (first, *_) = await _errors("{ viewer { role } } { viewer { role } }")
    assert "anonymous operation" in first


async def test_tokens_are_counted(database: object) -> None:
    (error,) = await _errors("{ viewer { " + "role " * 2000 + "} }")
    assert "2000 tokens" in error


async def test_fragments_that_double_are_measured_quickly(database: object) -> None:
    doubling = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(100))
    query = f"{{ ...F0 }} {doubling} fragment F100 on Query {{ viewer {{ role }} }}"
    (error,) = await _errors(query)
    assert "cost" in error


async def test_a_fragment_that_spreads_itself_is_refused(database: object) -> None:
    errors = await _errors("{ ...A } fragment A on Query { viewer { role } ...A }")
    assert any("itself" in error for error in errors)


async def test_an_unknown_fragment_or_field_is_refused_by_validation(database: object) -> None:
    assert await _errors("{ ...Missing }") == ["Unknown fragment 'Missing'."]
    assert len(await _errors("{ nothing { at { all } } }")) == 1


async def test_introspection_has_no_cost_and_no_depth(database: object) -> None:
    query = "{ __schema { types { fields { type { ofType { ofType { name } } } } } } }"
    assert await _errors(query, Limits(depth=1, cost=1)) == []
