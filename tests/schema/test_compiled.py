"""Compiled execution answers exactly as graphql-core, and leaves uncompilable fields to it."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from random import Random
from typing import Any, NewType

import pytest
import strawberry
from graphql import GraphQLResolveInfo, Undefined, parse, validate
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.extensions import DisableValidation, FieldExtension, SchemaExtension
from strawberry.schema.config import StrawberryConfig

import schema
from loaders.loader import Loader
from schema.context import Context
from schema.execution.compiled import CompiledExecution, plan_cache
from schema.execution.operation_cache import CachedDocuments, OperationCache
from schema.execution.turns import Turns
from tests import operations
from tests.conftest import ADMIN, Ask, Dataset
from tests.profiles import PROFILE
from tests.schema.random_operations import Later, Operation, Results, as_json
from tests.strategies import NOW, nasty


def _built(*, compiled: bool) -> strawberry.Schema:
    """A new schema without limits, and without extensions that change errors."""
    built = schema.build(compiled=compiled)
    built.extensions = (DisableValidation,)
    return built


REFERENCE = _built(compiled=False)
COMPILED = _built(compiled=True)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """`tried`: the values to complete; `compiled`: those that generated functions completed."""
    counted: Counter[str] = Counter()
    answer = CompiledExecution._answer

    def counting(self: CompiledExecution, *given: Any) -> Any:
        given_answer = answer(self, *given)
        if not self._watched:
            counted["tried"] += 1
            counted["compiled"] += given_answer is not Undefined
        return given_answer

    monkeypatch.setattr(CompiledExecution, "_answer", counting)
    CompiledExecution.plans.clear()
    yield counted
    CompiledExecution.plans.clear()


async def _result(
    built: strawberry.Schema, operation: Operation, seed: int, faults: float
) -> tuple[str, list[Any]]:
    """The data as JSON, and the errors, of an execution with random results of resolvers."""
    results = Results(Random(seed), faults)
    fields: Any = built._schema.query_type
    for field in fields.fields.values():
        # Both schemas resolve in the order of the operation, so both get the same results.
        field.resolve = lambda _, info, **__: results.of(info.return_type)
    context = Context(ADMIN, NOW, Loader({}, timeout=30))
    result: Any = await built.execute(operation.text, operation.variables, context_value=context)
    return as_json(result.data), [error.formatted for error in result.errors or ()]


def _operations(number: int, seed: int) -> Iterator[Operation]:
    """`number` random valid operations."""
    random, found = Random(seed), 0
    while found < number:
        operation = Operation(random, REFERENCE._schema)
        if not validate(REFERENCE._schema, parse(operation.text)):
            found += 1
            yield operation


async def test_random_operations_have_equal_answers(answers: Counter[str]) -> None:
    kinds = Counter[str]()
    for seed, operation in enumerate(_operations(PROFILE.operations, seed=4)):
        reference = await _result(REFERENCE, operation, seed, 0)
        assert await _result(COMPILED, operation, seed, 0) == reference, operation.text
        assert not reference[1]
        kinds.update(
            word
            for word in ("@skip", "@include", "fragment", "... ", "__typename", "a1:", "$b0")
            if word in operation.text
        )
    assert min(kinds.values()) > PROFILE.operations / 10
    assert len(kinds) == 7
    assert answers["compiled"] > PROFILE.operations


async def test_faults_at_random_places_have_equal_answers_and_errors(
    answers: Counter[str],
) -> None:
    failed = 0
    for seed, operation in enumerate(_operations(PROFILE.operations, seed=5)):
        reference = await _result(REFERENCE, operation, seed, 0.06)
        assert await _result(COMPILED, operation, seed, 0.06) == reference, operation.text
        failed += bool(reference[1])
    assert failed > 0.2 * PROFILE.operations
    assert 0.3 * PROFILE.operations < answers["compiled"] < answers["tried"]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (operations.EVENTS_OVERVIEW, {}),
        (operations.EVENT_STATS, {"page": 0, "limit": 500, "activeOnly": False}),
        (operations.ORDER_STATS, {}),
        (operations.DASHBOARD_STATS, {"mode": "TOTAL", "timezone": "UTC"}),
        (operations.DASHBOARD_STATS, {"mode": "UNIQUE", "timezone": "UTC"}),
    ],
)
async def test_one_generated_function_completes_a_whole_result(
    ask: Ask,
    fill: Callable[[Dataset], None],
    answers: Counter[str],
    text: str,
    variables: dict[str, Any],
) -> None:
    fill({name: rows for name, rows in nasty().items() if name != "analytics_events"})
    result = await ask(text, **variables)
    assert result.errors is None
    assert answers == {"tried": 1, "compiled": 1}


Anything = NewType("Anything", object)


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Person(Named):
    age: int


class Doubled(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return 2 * next_(source, info, **kwargs)


@strawberry.type
class Crew:
    size: int
    boots: int = strawberry.field(extensions=[Doubled()])
    members: list[Person]
    named: list[Named]
    cities: list[str | None]

    @strawberry.field
    def captain(self) -> Person:
        return self.members[0]

    @strawberry.field
    async def later(self) -> int:
        return self.size


@strawberry.type
class Ship:
    @strawberry.field
    def crew(self) -> Crew:
        members = [Person(name="Ana", age=41), Person(name="Rui", age=7)]
        named: list[Named] = [*members]
        return Crew(size=2, boots=2, members=members, named=named, cities=["Olinda", None])


@pytest.mark.parametrize(
    ("selection", "compiled"),
    [
        ("size", 1),
        ("size members { name age }", 0),
        ("members { name }", 0),
        ("named { name ... on Person { age } }", 0),
        ("cities", 1),
        ("captain { name }", 0),
        ("size later", 0),
        ("boots", 0),
        ("size @include(if: true) cities @skip(if: true)", 1),
    ],
)
async def test_fields_that_are_not_mere_attributes_are_left_to_graphql_core(
    selection: str, compiled: int, answers: Counter[str]
) -> None:
    # A type with an interface checks the type of each value, so it is not compiled.
    text = f"{{ crew {{ {selection} }} }}"
    reference = await strawberry.Schema(Ship).execute(text)
    result = await strawberry.Schema(Ship, execution_context_class=CompiledExecution).execute(text)
    assert (result.data, result.errors) == (reference.data, None)
    assert answers["compiled"] == compiled


async def test_any_value_of_a_lenient_scalar_is_answered_as_by_graphql_core() -> None:
    @strawberry.type
    class Label:
        text: Anything

    @strawberry.type
    class LateLabel(Label):
        def __await__(self) -> Generator[None, None, object]:
            yield from ()
            return Label(text=Anything("late"))

    @strawberry.type
    class FailedLabel(Label, Exception):
        pass

    @strawberry.type
    class Box:
        label: Label

    values = [
        *("text", 0, "", None, Undefined, ValueError("no"), Later("late"), Later(KeyError("no")))
    ]
    boxes = [Box(label=Label(text=Anything(value))) for value in values]
    boxes += [Box(label=made(text=Anything("text"))) for made in (LateLabel, FailedLabel)]

    @strawberry.type
    class Query:
        @strawberry.field
        def box(self, number: int) -> Box | None:
            return boxes[number]

    # This scalar serializes an empty text as null.
    scalar = strawberry.scalar(name="Anything", serialize=lambda value: value or None)
    config = StrawberryConfig(scalar_map={Anything: scalar})
    answered = 0
    for number in range(len(boxes)):
        text = f"{{ box(number: {number}) {{ label {{ text }} }} }}"
        found = []
        for executor in (None, CompiledExecution):
            built = strawberry.Schema(Query, execution_context_class=executor, config=config)
            result: Any = await built.execute(text)
            found.append((result.data, [error.formatted for error in result.errors or ()]))
        assert found[0] == found[1]
        answered += found[0][0] != {"box": None}
    assert answered == 3


async def test_an_extension_that_watches_fields_sees_each_field(answers: Counter[str]) -> None:
    seen = []

    class Watch(SchemaExtension):
        def resolve(
            self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: Any, **kwargs: Any
        ) -> Any:
            seen.append(info.field_name)
            return _next(root, info, *args, **kwargs)

    watched = strawberry.Schema(Ship, execution_context_class=CompiledExecution, extensions=[Watch])
    result = await watched.execute("{ crew { size cities } }")
    assert result.data == {"crew": {"size": 2, "cities": ["Olinda", None]}}
    assert seen == ["crew", "size", "cities"]
    assert answers["compiled"] == 0


async def test_skipping_depends_on_the_variables_of_each_request() -> None:
    cache, turns = CachedDocuments(), Turns()
    built = strawberry.Schema(
        Ship,
        execution_context_class=CompiledExecution,
        extensions=[lambda: OperationCache(cache, turns)],
    )
    context = Context(ADMIN, NOW, Loader({}, timeout=30))
    text = (
        "query ($a: Boolean!, $b: Boolean = true)"
        " { crew { size @skip(if: $a) s: size @include(if: $b) } }"
    )
    found = {}
    for variables in ({"a": True}, {"a": False}, {"a": True, "b": False}, {"a": True}):
        result: Any = await built.execute(text, {**variables}, context_value=context)
        found[str(variables)] = result.data["crew"]
    assert found == {
        "{'a': True}": {"s": 2},
        "{'a': False}": {"size": 2, "s": 2},
        "{'a': True, 'b': False}": {},
    }


@pytest.mark.parametrize("variables", [{}, {"a": None}, {"a": False}])
@pytest.mark.parametrize("selection", ["size @skip(if: $a)", "members { name @skip(if: $a) }"])
async def test_a_null_condition_fails_as_in_graphql_core(
    selection: str, variables: dict[str, Any]
) -> None:
    text = f"query ($a: Boolean = true) {{ crew {{ {selection} }} }}"
    reference, compiled = [
        await strawberry.Schema(Ship, execution_context_class=executor).execute(text, {**variables})
        for executor in (None, CompiledExecution)
    ]
    assert (compiled.data, str(compiled.errors)) == (reference.data, str(reference.errors))
    assert (compiled.errors is None) == (None not in variables.values())


async def test_a_default_resolver_of_the_schema_is_used(answers: Counter[str]) -> None:
    def doubled(source: Any, name: str) -> Any:
        return 2 * getattr(source, name)

    built = strawberry.Schema(
        Ship,
        execution_context_class=CompiledExecution,
        config=StrawberryConfig(default_resolver=doubled),
    )
    result = await built.execute("{ crew { size } }")
    assert result.data == {"crew": {"size": 4}}
    assert answers["compiled"] == 0


async def test_a_custom_directive_is_applied(answers: Counter[str]) -> None:
    @strawberry.directive(locations=[DirectiveLocation.FIELD])
    def negated(value: DirectiveValue[int]) -> int:
        return -value

    built = strawberry.Schema(Ship, execution_context_class=CompiledExecution, directives=[negated])
    result = await built.execute("{ crew { size @negated } }")
    assert result.data == {"crew": {"size": -2}}
    assert answers["compiled"] == 0


async def test_few_plans_of_large_documents_are_cached(answers: Counter[str]) -> None:
    built = strawberry.Schema(Ship, execution_context_class=CompiledExecution)
    for number in range(20):
        await built.execute(f"{{ crew {{ a{number}: size }} }} #{'x' * 50_000}")
    assert answers["compiled"] == 20
    assert 0 < len(CompiledExecution.plans) < 4
    CompiledExecution.plans.clear()
    await built.execute(f"{{ crew {{ size }} }} #{'x' * 200_000}")
    assert answers["compiled"] == 20
    assert not CompiledExecution.plans


async def test_cached_plans_are_bounded_by_count_and_size(
    answers: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CompiledExecution, "plans", plan_cache(code=200_000, plans=100))
    built = strawberry.Schema(Ship, execution_context_class=CompiledExecution)
    for number in range(110):
        await built.execute(f"{{ crew {{ a{number}: size }} }}")
    assert answers["compiled"] == 110
    assert len(CompiledExecution.plans) == 100
    wide = " ".join(f"a{number}: size" for number in range(200))
    for number in range(20):
        await built.execute(f"{{ crew {{ b{number}: size {wide} }} }}")
    assert 1 < len(CompiledExecution.plans) < 20
    assert CompiledExecution.plans.currsize <= CompiledExecution.plans.maxsize
