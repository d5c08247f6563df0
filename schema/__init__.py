"""The GraphQL schema: types, rules and limits. `schema.graphql` beside it is its printed SDL."""

from collections.abc import Container, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError, parse, specified_rules
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError

from errors import BadUserInput
from schema.execution.compiled import CompiledExecution
from schema.execution.operation_cache import CachedDocuments, OperationCache
from schema.execution.turns import Turns
from schema.execution.validation import NESTED_TOO_DEEPLY, validation_errors
from schema.failures import Failures, shortened
from schema.freshness import Freshness
from schema.introspection import (
    Introspection,
    IntrospectionAnswers,
    names_of,
    values_of_schema,
)
from schema.limits import DEFAULTS, TEXT_MAX, Limits, OperationLimits, summary_cache
from schema.operation_size import exceeded
from schema.query import Query
from schema.rules import require_rules
from schema.scalars import DATE, DATE_TIME


class _Schema(strawberry.Schema):
    async def execute(self, query: str | None, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Executes an operation; refuses a long text before it is parsed."""
        if query is not None and len(query) > TEXT_MAX:
            message = (
                f"The operation's text has {len(query):,} characters; at most {TEXT_MAX:,} are "
                "allowed."
            )
            error = exceeded("text", message)
            error.extensions = {"code": BadUserInput.code, "limit": "text"}
            return PreExecutionError(data=None, errors=[error])
        return await super().execute(query, *args, **kwargs)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Logs nothing: `Failures` logs unforeseen errors, and only these."""


def build(
    limits: Limits = DEFAULTS,
    turns: Turns | None = None,
    *,
    introspection: bool = True,
    compiled: bool = True,
    documents: CachedDocuments | None = None,
    unlimited: Container[str] = (),
) -> strawberry.Schema:
    """The schema, with limits for each operation; `compiled` changes the speed only.

    Long steps take `turns`, which may be shared with others of the same event loop. Operations are
    cached in `documents`. The texts in `unlimited` are not written by callers: limits of depth,
    aliases, tokens and cost do not apply to them.
    Raises `NoRule` if a field does not say who may read it.
    """
    documents = CachedDocuments() if documents is None else documents
    answers, summaries, turns = IntrospectionAnswers(), summary_cache(), turns or Turns()
    built = _Schema(
        Query,
        execution_context_class=CompiledExecution if compiled else None,
        config=StrawberryConfig(
            scalar_map={date: DATE, datetime: DATE_TIME},
            disable_field_suggestions=not introspection,
        ),
        extensions=[
            lambda: Failures(hidden),
            lambda: OperationLimits(limits, values_max, turns, summaries, unlimited),
            Freshness,
            *([lambda: Introspection(answers)] if introspection else [DisableIntrospection]),
            lambda: OperationCache(documents, turns),
        ],
    )
    hidden = frozenset() if introspection else frozenset(names_of(built._schema))
    values_max = 2 * values_of_schema(built._schema)
    require_rules(built._schema)
    return built


def invalid(documents: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The names of documents that are too long or do not fit the schema, and why."""
    built = build()._schema
    for name, text in documents.items():
        if len(text) > TEXT_MAX:
            yield name, f"It has {len(text):,} characters; at most {TEXT_MAX:,} are allowed."
            continue
        try:
            errors = validation_errors(built, parse(text), specified_rules)
        except GraphQLSyntaxError as error:
            errors = [error]
        except RecursionError:
            errors = [GraphQLError(NESTED_TOO_DEEPLY)]
        if errors:
            at = "".join(f"{each.line}:{each.column} " for each in (errors[0].locations or ())[:1])
            yield name, at + shortened(errors[0].message)


def sdl() -> str:
    """The printed SDL."""
    return build().as_str() + "\n"
