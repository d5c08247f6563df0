"""The operation cache: a repeated document is not parsed or validated again."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import strawberry.schema.schema
from graphql import parse
from strawberry.types import ExecutionResult

import schema
import schema.execution.operation_cache
from loaders.loader import Loader
from schema.context import Context
from schema.execution.operation_cache import CachedDocuments
from schema.execution.turns import Turns
from schema.limits import Limits
from tests.conftest import ADMIN
from tests.strategies import NOW


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The numbers of calls of `parse` and `validation_errors`."""
    counted: Counter[str] = Counter()
    parsing: Any = strawberry.schema.schema
    for module, name in (
        (parsing, "parse"),
        (schema.execution.operation_cache, "validation_errors"),
    ):
        monkeypatch.setattr(module, name, _counting(counted, name, getattr(module, name)))
    return counted


def _counting(counted: Counter[str], name: str, do: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*given: Any, **options: Any) -> Any:
        counted[name] += 1
        return do(*given, **options)

    return counting


async def _executed(built: Any, text: str, **variables: Any) -> ExecutionResult:
    context = Context(ADMIN, NOW, Loader({}, timeout=30))
    result = await built.execute(text, variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return result


async def test_a_document_is_parsed_and_validated_once(calls: Counter[str]) -> None:
    built = schema.build()
    for _ in range(3):
        result = await _executed(built, "{ viewer { role } }")
        assert result.data == {"viewer": {"role": "ADMIN"}}
    assert calls == {"parse": 1, "validation_errors": 1}
    await _executed(schema.build(), "{ viewer { role } }")
    assert calls == {"parse": 2, "validation_errors": 2}


async def test_other_comments_and_blanks_need_no_validation(calls: Counter[str]) -> None:
    built = schema.build()
    for number in range(3):
        for text in ("{ viewer { role } } # %s", "#%s\n{viewer,{role}}", "\ufeff{ viewer\n{role}}"):
            result = await _executed(built, text % number if "%" in text else text)
            assert result.data == {"viewer": {"role": "ADMIN"}}
    assert calls["validation_errors"] == 1


@pytest.mark.parametrize(
    "others",
    [
        ('{ event(id: "a b") { id } }', '{ event(id: "a  b") { id } }'),
        ('{ event(id: "a") { id } }', '{ event(id: "a,id") { id } }'),
        ('{ event(id: "1") { id } }', "{ event(id: 1) { id } }"),
        ("{ event(id: a) { id } }", '{ event(id: "a") { id } }'),
        ("{ viewer { role } }", "{ viewerrole }"),
        ('{ event(id: "# b") { id } }', '{ event(id: "") { id } }'),
    ],
)
async def test_other_tokens_are_validated(calls: Counter[str], others: tuple[str, ...]) -> None:
    built = schema.build()
    for number, text in enumerate(others, 1):
        await _executed(built, text)
        assert calls["validation_errors"] == number


async def test_a_repeated_invalid_document_gets_the_same_errors(calls: Counter[str]) -> None:
    built = schema.build()
    answers = [await _executed(built, "{ viewer { rank } nothing }") for _ in range(3)]
    first, *others = [[e.formatted for e in answer.errors or ()] for answer in answers]
    assert len(first) == 2
    assert others == [first, first]
    assert calls == {"parse": 1, "validation_errors": 1}


async def test_a_document_with_a_syntax_error_is_not_cached(calls: Counter[str]) -> None:
    built = schema.build()
    for _ in range(2):
        result = await _executed(built, "{ viewer { ")
        assert "Syntax Error" in str(result.errors)
    assert calls == {"parse": 2}


async def test_limits_are_checked_for_the_variables_of_each_request() -> None:
    built = schema.build(Limits(cost=50))
    text = "query ($n: Int!) { eventStats(limit: $n) { __typename } }"
    for number, refused in ((1000, True), (10, False), (1000, True)):
        result = await _executed(built, text, n=number)
        assert ("cost" in str(result.errors)) is refused


async def test_repeated_introspection_stays_refused() -> None:
    built = schema.build(introspection=False)
    for _ in range(2):
        result = await _executed(built, "{ __schema { types { name } } }")
        assert "introspection" in str(result.errors)


async def test_cached_documents_are_bounded_by_count_and_size() -> None:
    cache, built = CachedDocuments(), schema.build()
    extension = schema.execution.operation_cache.OperationCache(cache, Turns())

    async def send(text: str) -> None:
        context: Any = built._create_execution_context(text, ())
        context.context = Context(ADMIN, NOW, Loader({}, timeout=30))
        extension.execution_context = context
        context.graphql_document = parse(text)
        async for _ in extension.on_validate():
            pass

    for number in range(600):
        await send(f"{{ a{number}: viewer {{ role }} }}")
    assert len(cache) == 500
    for number in range(30):
        await send(f"{{ b{number}: viewer {{ role }} }} #{'x' * 20_000}")
    assert len(cache) == 9
    await send(f"{{ viewer {{ role }} }} #{'x' * 300_000}")
    assert len(cache) == 9
