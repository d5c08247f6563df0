"""Errors of operations: what they quote, which names they hide, and what they hold in memory."""

import re
from typing import Any

import pytest
from strawberry.types import ExecutionResult
from structlog.testing import capture_logs

import schema
from auth.viewer import Role, Viewer
from loaders.loader import Loader
from schema.context import Context
from tests.conftest import ADMIN
from tests.strategies import NOW

CUSTOMER = Viewer(Role.CUSTOMER)
HIDDEN = "This is not accepted here. With introspection off, the server does not say what would be."


async def _messages(
    query: str,
    variables: dict[str, Any],
    viewer: Viewer = CUSTOMER,
    *,
    introspection: bool = False,
) -> list[str]:
    context = Context(viewer, NOW, Loader({}, timeout=30))
    built = schema.build(introspection=introspection)
    result = await built.execute(query, variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return [error.message for error in result.errors or ()]


async def test_an_error_of_a_huge_value_says_what_is_right() -> None:
    query = "query ($v: Boolean!) { __typename @include(if: $v) viewer { role } }"
    for huge in ({"a": "x'" * 400}, [[1] * 900] * 5, "x" * 1_000, {"k" * 100: "'" * 1_000}):
        (message,) = await _messages(query, {"v": huge})
        assert len(message) < 1_100
        assert "Boolean cannot represent a non boolean value" in message


@pytest.mark.parametrize("words", [0, 1_000, 400_000])
async def test_names_that_were_not_sent_are_hidden(words: int) -> None:
    assert await _messages("{ metrics { totalStaff } }", {"x": "a " * words}) == [HIDDEN]
    (shown,) = await _messages("{ eventStats(limit: 0) { total } }", {"x": "a " * words}, ADMIN)
    assert "'limit' must be from 1" in shown


async def test_names_in_variables_count_as_sent() -> None:
    query = "query ($v: EventOrder!) { eventStats(orderBy: $v) { total } }"
    wrong: dict[str, Any] = {"v": {"field": "REVNUE"}}
    assert await _messages(query, wrong, ADMIN) == [HIDDEN]
    (shown,) = await _messages(query, wrong, ADMIN, introspection=True)
    assert "REVENUE" in shown
    words = re.findall(r"\w+", shown)
    for sent in (" ".join(words), words, dict.fromkeys(words), [{"x": [*words, "x" * 9_000]}]):
        assert await _messages(query, {**wrong, "x": sent}, ADMIN) == [shown]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ no }", [(1, 3)]),
        ("\n\r\n\r # \n  { no }", [(5, 5)]),
        ("{ viewer { role }\n}\nfragment f on Query { viewer { role } }", [(3, 1)]),
        ("{ metrics {\n totalStaff\r\n\ttotalStaff } }", [(2, 2), (3, 2)]),
        ("{\n a: viewer { role }\n a: metrics { totalStaff } }", [(2, 2), (3, 2)]),
        ("{\n  viewer(\n", [(3, 1)]),
        (f"{{ viewer {{ role }} {'viewer { no }' * 20} }}", None),
    ],
)
async def test_errors_have_the_lines_and_columns_of_their_fields(
    query: str, expected: list[tuple[int, int]] | None
) -> None:
    built = schema.build()
    # The second time, the document is cached.
    for _ in range(2):
        context = Context(CUSTOMER, NOW, Loader({}, timeout=30))
        result = await built.execute(query, context_value=context)
        assert isinstance(result, ExecutionResult)
        assert result.errors
        error = result.errors[0]
        assert error.locations
        assert len(error.locations) <= 10
        assert expected is None or error.locations == expected


async def test_errors_lose_the_frames_of_all_their_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[BaseException] = []

    def fail(cause: BaseException | None) -> Exception:
        try:
            try:
                raise KeyError("context")
            except KeyError as context:
                found.append(context)
                raise ValueError("effect") from cause
        except ValueError as effect:
            found.append(effect)
            return effect

    async def metrics(*_: object, **__: object) -> object:
        first = fail(None)
        group = ExceptionGroup("group", [fail(fail(None)), fail(None)])
        first.__cause__ = group
        # A circle, as of an exception that is raised again from one of its effects.
        group.__cause__ = first
        raise first

    monkeypatch.setattr("resolvers.metrics.metrics", metrics)
    with capture_logs():
        await _messages("{ metrics { totalStaff } }", {}, ADMIN)
    assert len(found) == 8
    assert [error.__traceback__ for error in found] == [None] * 8
