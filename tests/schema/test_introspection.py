"""Introspection: the answers are graphql-core's, made once, and bounded."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from graphql import (
    GraphQLError,
    execute_sync,
    get_introspection_query,
    graphql_sync,
    parse,
    print_ast,
)
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult

import schema
from auth.viewer import Role, Viewer
from loaders.loader import Loader
from schema.context import Context
from schema.introspection import (
    IntrospectedValues,
    fragments_of,
    names_of,
    values_of_schema,
)
from schema.limits import Limits
from tests.conftest import ADMIN
from tests.strategies import NOW

BUILT: Final = schema.build()
_TYPES: Final = "{ __schema { types { name } } }"
_FULL: Final = "fragment T on __Type { kind name fields { name type { name fields { name } } } }"
_OPTIONS: Final[list[dict[str, Any]]] = [
    {},
    {"descriptions": False},
    {"input_value_deprecation": True, "one_of": True, "specified_by_url": True},
]


async def _executed(
    text: str,
    built: Any = BUILT,
    viewer: Viewer = ADMIN,
    operation: str | None = None,
    **variables: Any,
) -> ExecutionResult:
    context = Context(viewer, NOW, Loader({}, timeout=30))
    result = await built.execute(text, variables, context_value=context, operation_name=operation)
    assert isinstance(result, ExecutionResult)
    return result


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations whose answers were made."""
    made = list[str]()

    def executed(*given: Any, **options: Any) -> Any:
        made.append(print_ast(given[1]))
        return execute_sync(*given, **options)

    monkeypatch.setattr("schema.introspection.execute_sync", executed)
    return made


@pytest.mark.parametrize("options", _OPTIONS)
async def test_tools_introspect_as_with_graphql_core(options: dict[str, Any]) -> None:
    text = get_introspection_query(**options)
    result = await _executed(text, viewer=Viewer(Role.CUSTOMER))
    expected = graphql_sync(BUILT._schema, text)
    assert expected.errors is None
    assert result.errors is None
    assert json.dumps(result.data) == json.dumps(expected.data)


async def test_an_answer_is_made_once(made: list[str]) -> None:
    built = schema.build()
    for number in range(3):
        assert (await _executed(f"# {number}\n{_TYPES}", built)).data
    assert len(made) == 1


async def test_answers_depend_on_the_operation_and_the_variables(made: list[str]) -> None:
    text = """
        query A($name: String!) { __type(name: $name) { name } }
        query B { __typename __schema { queryType { name } } }
    """
    for _ in range(2):
        for name in ("Query", "Viewer", "Nothing"):
            found = (await _executed(text, operation="A", name=name)).data
            assert found == {"__type": None if name == "Nothing" else {"name": name}}
        found = (await _executed(text, operation="B")).data
        assert found == {"__typename": "Query", "__schema": {"queryType": {"name": "Query"}}}
    assert len(made) == 4


async def test_errors_of_variables_are_made_each_time() -> None:
    text = "query ($name: String!) { __type(name: $name) { name } }"
    for _ in range(2):
        (error,) = (await _executed(text, name=1)).errors or [GraphQLError("none")]
        assert error.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "text",
    [
        f"{{ {' '.join(f'a{n}: __schema {{ types {{ ...T }} }}' for n in range(20))} }} {_FULL}",
        f"{{ {' '.join(f'...s{n}' for n in range(20))} }} {_FULL} "
        + " ".join(
            f"fragment s{n} on Query {{ a{n}: __schema {{ types {{ ...T }} }} }}" for n in range(20)
        ),
    ],
)
async def test_more_than_twice_the_schema_is_refused(text: str) -> None:
    (error,) = (await _executed(text)).errors or [GraphQLError("none")]
    most = 2 * values_of_schema(BUILT._schema)
    assert error.message == (
        f"The introspection returns more than {most:,} values, which is twice the schema: "
        "ask for less of it."
    )
    assert error.extensions == {"code": "BAD_USER_INPUT", "limit": "introspection"}


async def test_beside_other_fields_introspection_costs_its_values() -> None:
    types = len(BUILT._schema.type_map)
    text = "{ viewer { role } __schema { types { name } } }"
    built = schema.build(Limits(cost=types))
    (error,) = (await _executed(text, built)).errors or [GraphQLError("none")]
    assert error.message.startswith("The operation's cost is ")
    result = await _executed(text, schema.build(Limits(cost=2 * types)))
    assert result.errors is None
    assert result.data
    assert len(result.data["__schema"]["types"]) == types


@pytest.mark.parametrize("options", _OPTIONS)
def test_values_are_counted_as_they_are_returned(options: dict[str, Any]) -> None:
    document: Any = parse(get_introspection_query(**options))
    (root,) = document.definitions[0].selection_set.selections
    counted = IntrospectedValues(BUILT._schema, fragments_of(document), {}, 10**9).of(root)
    answer = graphql_sync(BUILT._schema, get_introspection_query(**options)).data
    returned = sum(map(len, _objects(answer)))
    assert returned <= counted <= 1.05 * returned


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)


_WRONG: Final[list[tuple[str, dict[str, Any]]]] = [
    ("{ evenStats { total } }", {}),
    ("{ eventStats }", {}),
    ("{ eventStats { totl } }", {}),
    ("{ eventStats(limt: 1) { total } }", {}),
    ('{ eventStats(limit: "1") { total } }', {}),
    ("{ eventStats(limit: 0) { total } }", {}),
    ("{ eventStats(orderBy: { feld: REVENUE }) { total } }", {}),
    ("{ eventStats(orderBy: { field: REVNUE }) { total } }", {}),
    ("{ dashboardStats(mode: UNIQ) { totalSales } }", {}),
    ('{ dashboardStats(timezone: "Mars") { totalSales } }', {}),
    ("{ ticketReport { total } }", {}),
    ("query ($v: Evnt) { eventStats(orderBy: $v) { total } }", {}),
    ("query ($v: EventOrder) { eventStats(orderBy: $v) { total } }", {"v": {"feld": "REVNUE"}}),
    ("query ($v: EventOrder) { eventStats(orderBy: $v) { total } }", {"v": {"field": "REVNUE"}}),
    ("query ($v: String) { eventStats(limit: $v) { total } }", {"v": "1"}),
    ("query ($v: Int!) { eventStats(limit: $v) { total } }", {}),
    ("{ viewer { role @inclde(if: true) } }", {}),
    ("{ ...f } fragment f on Qury { viewer { role } }", {}),
    ("{ viewer { ...f } } fragment f on EventStatsPage { total }", {}),
    ("{ __schema { types { name } } }", {}),
    ("{ event(id: 5.5) { id } }", {}),
    ("mutation { a }", {}),
]


@pytest.mark.parametrize(("text", "variables"), _WRONG)
@pytest.mark.parametrize("viewer", [ADMIN, Viewer(Role.CUSTOMER)], ids=["admin", "customer"])
async def test_without_introspection_errors_have_only_names_that_were_sent(
    text: str, variables: dict[str, Any], viewer: Viewer
) -> None:
    context = Context(viewer, NOW, Loader({}, timeout=30))
    built = schema.build(introspection=False)
    try:
        result = await built.execute(text, variables, context_value=context)
    except InvalidOperationTypeError:
        return
    assert isinstance(result, ExecutionResult)
    assert result.errors
    sent = set(re.findall(r"\w+", f"{text} {json.dumps(variables)}"))
    names = set(names_of(BUILT._schema))
    for error in result.errors:
        assert not names & set(re.findall(r"\w+", error.message)) - sent
