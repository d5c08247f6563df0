"""Validation: fields are merged as graphql-core merges them, and answers stay small."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest
from graphql import (
    GraphQLError,
    NoFragmentCyclesRule,
    NoUnusedFragmentsRule,
    OverlappingFieldsCanBeMergedRule,
    is_abstract_type,
    parse,
    validate,
)
from strawberry.types import ExecutionResult

import schema
from errors import ERRORS_MAX
from loaders.loader import Loader
from schema.context import Context
from schema.execution.field_merging import FIELDS_MAX, FieldMerging
from tests.conftest import ADMIN
from tests.profiles import PROFILE
from tests.strategies import NOW

SCHEMA: Final = schema.build()._schema
_FIELDS: Final = {
    "Query": ("viewer", "eventsOverview", "eventStats"),
    "Viewer": ("role", "subject"),
    "EventsOverview": ("totalEvents", "totalRevenue", "eventsByType"),
    "EventStatsPage": ("total", "events"),
}
_OBJECTS: Final = {
    "viewer": "Viewer",
    "eventsOverview": "EventsOverview",
    "eventStats": "EventStatsPage",
}
_ARGUMENTS: Final = ("(limit: 1)", "(limit: 2)", "(limit: 1, page: 1)", "(page: 1, limit: 1)", "")


class _Document:
    """A random document whose fields often share a response name."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._fragments = dict[str, str]()
        self._names = [f"f{number}" for number in range(random.randrange(4))]
        body = self._selection("Query", 0)
        for name in self._names:
            self._fragments[name] = f"fragment {name} on Query {self._selection('Query', 0)}"
        self.text = f"{body} {' '.join(self._fragments.values())}"

    def _selection(self, type_: str, depth: int) -> str:
        return f"{{ {' '.join(self._selections(type_, depth))} }}"

    def _selections(self, type_: str, depth: int) -> Iterator[str]:
        random = self._random
        for _ in range(random.randrange(1, 5)):
            choice = random.random()
            if choice < 0.1 and depth < 3:
                yield f"... on {type_} {self._selection(type_, depth + 1)}"
            elif choice < 0.3 and type_ == "Query" and self._names:
                yield f"...{random.choice(self._names)}"
            else:
                yield self._field(type_)

    def _field(self, type_: str) -> str:
        random, name = self._random, self._random.choice(_FIELDS[type_])
        alias = random.choice(["", "", "a: ", "b: ", f"{random.choice(_FIELDS[type_])}: "])
        arguments = random.choice(_ARGUMENTS) if name == "eventStats" else ""
        below = self._selection(_OBJECTS[name], 3) if name in _OBJECTS else ""
        return f"{alias}{name}{arguments} {below}"


def test_fields_are_merged_as_graphql_core_merges_them() -> None:
    found = {True: 0, False: 0}
    for seed in range(40 * PROFILE.operations):
        document = parse(_Document(Random(seed)).text)
        if validate(SCHEMA, document, [NoFragmentCyclesRule, NoUnusedFragmentsRule]):
            continue
        expected = bool(validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule]))
        errors = validate(SCHEMA, document, [FieldMerging])
        assert bool(errors) is expected, seed
        assert all("conflict because" in each.message for each in errors)
        found[expected] += 1
    assert min(found.values()) > 50


def test_no_type_is_abstract() -> None:
    # `FieldMerging` takes fields with one response name to be of one type.
    assert not [each for each in SCHEMA.type_map.values() if is_abstract_type(each)]


def test_fragments_that_spread_each_other_are_an_error() -> None:
    text = "{ ...a } fragment a on Query { v: viewer { role } ...b } fragment b on Query { ...a }"
    messages = [each.message for each in validate(SCHEMA, parse(text))]
    assert messages == ["Cannot spread fragment 'a' within itself via 'b'."]
    assert not validate(SCHEMA, parse(text), [FieldMerging])


def test_a_document_that_selects_too_many_fields_is_refused() -> None:
    fragments = []
    for number in range(6):
        fields = " ".join(f"b{n}: e {{ ...a{number + 1} }}" for n in range(9))
        fragments.append(f"fragment a{number} on T {{ {fields} }}")
    text = f"{{ ...a0 }} {' '.join(fragments)} fragment a6 on T {{ x }}"
    (error,) = validate(SCHEMA, parse(text), [FieldMerging])
    assert error.message == f"The document selects more than {FIELDS_MAX} fields."


async def _executed(text: str, **variables: Any) -> ExecutionResult:
    context = Context(ADMIN, NOW, Loader({}, timeout=30))
    result = await schema.build().execute(text, variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return result


def _each(text: str, number: int) -> str:
    return " ".join(text.format(n) for n in range(number))


def _selecting(number: int) -> str:
    """An operation that selects so many fields that do not exist."""
    return f"{{ {_each('x{}', number)} }}"


def _messages(result: ExecutionResult) -> list[str]:
    return [each.message for each in result.errors or ()]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (_selecting(ERRORS_MAX), "Cannot query field 'x19'"),
        (_selecting(50), "30 more errors are not shown."),
        (_selecting(600), "At least 80 more errors are not shown."),
        # Variables without a value.
        (
            f"query ({_each('$v{}: Int!', 25)}) {{ {_each('a{0}: eventStats(page: $v{0})', 25)} }}",
            "5 more errors are not shown.",
        ),
    ],
)
async def test_a_refused_operation_has_twenty_errors_and_the_number_of_others(
    text: str, last: str
) -> None:
    messages = _messages(await _executed(text))
    assert len(messages) <= ERRORS_MAX + 1
    assert messages[-1].startswith(last)


async def test_names_are_suggested_for_the_first_errors() -> None:
    wrong = " ".join(f"viewer{number}" for number in range(40))
    messages = _messages(await _executed(f"{{ {wrong} }}"))
    assert ["Did you mean" in each for each in messages] == [True] * ERRORS_MAX + [False]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("query ($n: Int!) { eventStats(limit: $n) { total } }", {"n": "x" * 50_000}),
        ('{ eventStats(limit: "%s") { total } }' % ("x" * 50_000), {}),
        ("{ eventStats(limit: %s) { total } }" % ("x" * 50_000), {}),
        ("{ %s }" % ("x" * 50_000), {}),
        ("query ($m: Mode!) { dashboardStats(mode: $m) { totalSales } }", {"m": "x" * 50_000}),
        ("query ($t: String!) { dashboardStats(timezone: $t) { totalSales } }", {"t": "x" * 9_999}),
        ('{ event(id: "%s") { id } }' % ("x" * 50_000), {}),
        ("query ($n: %s) { viewer { role } }" % ("x" * 50_000), {}),
        ("{ viewer { role } } fragment %s on Query { viewer { role } }" % ("x" * 50_000), {}),
        (f"{{ viewer({'limit: 1 ' * 400}) {{ role }} }}", {}),
    ],
)
async def test_errors_quote_a_hundred_characters(text: str, variables: dict[str, Any]) -> None:
    result = await _executed(text, **variables)
    assert result.errors
    for error in result.errors:
        assert "x" * 101 not in error.message
        assert len(str(error.formatted)) < 2_000


async def test_a_long_text_is_refused() -> None:
    (error,) = (await _executed("#" * 100_001)).errors or [GraphQLError("none")]
    assert error.message == (
        "The operation's text has 100,001 characters; at most 100,000 are allowed."
    )
    assert error.extensions == {"code": "BAD_USER_INPUT", "limit": "text"}
    assert not (await _executed("{ viewer { role } } #" + "x" * 99_979)).errors
