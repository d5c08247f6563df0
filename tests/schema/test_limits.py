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


async def _errors(
    query: str, limits: Limits = DEFAULTS, operation_name: str | None = None, **variables: Any
) -> list[str]:
    variables_of_cubes = {"now": NOW, "low_stock_threshold": 5}
    context = Context(ADMIN, NOW, Loader(variables_of_cubes, timeout=10))
    built = schema.build(limits)
    result = await built.execute(
        query, variables, context_value=context, operation_name=operation_name
    )
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


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        (
            "query ($i: [ID!]!) { ticketReport(eventIds: $i) { total } }",
            {"i": ["a"] * 1_001},
            "The list in variable '$i' has 1,001 items; at most 1,000 are allowed.",
        ),
        (
            f"{{ ticketReport(eventIds: [{'1 ' * 1_001}]) {{ total }} }}",
            {},
            "The list in argument 'eventIds' has 1,001 items; at most 1,000 are allowed.",
        ),
        (
            f"{{ viewer @skip(if: [{'1 ' * 1_001}]) {{ role }} }}",
            {},
            "The list in argument 'if' has 1,001 items; at most 1,000 are allowed.",
        ),
        (
            f"query A {{ viewer {{ role }} }} query B($i: [Int] = [{'1 ' * 1_001}]) {{ a }}",
            {},
            "The list in variable '$i' has 1,001 items; at most 1,000 are allowed.",
        ),
        (
            "query ($o: EventOrder) { eventStats(orderBy: $o) { total } }",
            {"o": {f"key{number}": 1 for number in range(31)}},
            "The object in variable '$o' has 31 keys; at most 30 are allowed.",
        ),
        (
            f"{{ eventStats(orderBy: {{ {' '.join(['k: 1'] * 31)} }}) {{ total }} }}",
            {},
            "The object in argument 'orderBy' has 31 keys; at most 30 are allowed.",
        ),
        (
            "query ($o: EventOrder) { eventStats(orderBy: $o) { total } }",
            {"o": {"k" * 101: 1}},
            "The key in variable '$o' has 101 characters; at most 100 are allowed.",
        ),
        (
            "query ($i: [ID!]!) { ticketReport(eventIds: $i) { total } }",
            {"i": ["a" * 1_001]},
            "The string in variable '$i' has 1,001 characters; at most 1,000 are allowed.",
        ),
        (
            f'{{ exportLink(eventType: "{"é" * 1_001}") {{ url }} }}',
            {},
            "The string in argument 'eventType' has 1,001 characters; at most 1,000 are allowed.",
        ),
        (
            f'query ($t: String = "{"t" * 1_001}") {{ exportLink(eventType: $t) {{ url }} }}',
            {},
            "The string in variable '$t' has 1,001 characters; at most 1,000 are allowed.",
        ),
    ],
)
async def test_long_lists_objects_and_strings_are_refused(
    query: str, variables: dict[str, Any], message: str
) -> None:
    name = "A" if "query A" in query else None
    assert (await _errors(query, operation_name=name, **variables))[0] == message


@pytest.mark.parametrize(
    "query",
    [
        "{{ {}: viewer {{ role }} }}",
        "{{ {} }}",
        "{{ viewer {{ {} }} }}",
        "{{ viewer({}: 1) {{ role }} }}",
        "{{ viewer @{} {{ role }} }}",
        "{{ eventStats(orderBy: {{ {}: 1 }}) {{ total }} }}",
        "{{ eventStats(orderBy: {}) {{ total }} }}",
        "query {} {{ viewer {{ role }} }}",
        "query (${}: Int) {{ viewer {{ role }} }}",
        "query ($a: {}) {{ viewer {{ role }} }}",
        "query A {{ viewer {{ role }} }} query {} {{ viewer {{ role }} }}",
        "{{ ...{} }}",
        "{{ ... on {} {{ a }} }}",
        "{{ viewer {{ role }} }} fragment {} on Query {{ viewer {{ role }} }}",
    ],
)
async def test_a_long_name_is_refused(query: str) -> None:
    message = f"The name '{'n' * 100}…' has 101 characters; at most 100 are allowed."
    assert await _errors(query.format("n" * 101)) == [message]
    allowed = await _errors(query.format("n" * 100))
    assert "characters" not in str(allowed)


async def test_comments_and_strings_may_have_long_words(database: object) -> None:
    query = f'{{ __type(name: "{"w" * 101}") {{ name }} }} # {"w" * 101}'
    assert await _errors(query) == []
    assert await _errors(f"{{ eventStats(limit: {'1' * 1_001}) {{ total }} }}") == [
        "An Int has 32 bits at most."
    ]


async def test_items_are_counted_for_each_field(database: object) -> None:
    arguments = 'eventIds: $i, mobileAppId: "app", limit: 1'
    fields = [f"a{number}: ticketReport({arguments}) {{ total }}" for number in range(6)]
    ids = ["0123456789abcdef01234567"] * 1_000
    head = "query ($i: [ID!]!)"
    assert await _errors(f"{head} {{ {' '.join(fields[:5])} }}", i=ids) == []
    refused = ["The operation's lists have 6,000 items; at most 5,000 are allowed."]
    assert await _errors(f"{head} {{ {' '.join(fields)} }}", i=ids) == refused
    spread = f"{head} {{ {fields[0]} ...f }} fragment f on Query {{ {' '.join(fields[1:])} }}"
    assert await _errors(spread, i=ids) == refused


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (100, "The operation's depth is 101; at most 8 is allowed."),
        (1_000, "The document spreads fragments in each other too deeply."),
    ],
)
async def test_fragments_that_nest_too_deeply_are_refused(number: int, message: str) -> None:
    chain = " ".join(f"fragment f{n} on T {{ a {{ ...f{n + 1} }} }}" for n in range(number))
    query = f"{{ ...f0 }} {chain} fragment f{number} on T {{ a {{ b }} }}"
    assert await _errors(query, Limits(tokens=20_000)) == [message]
