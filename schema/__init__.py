"""The GraphQL schema: types, rules and limits. `schema.graphql` beside it is its printed SDL."""

from datetime import date, datetime

import strawberry
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.execution.compiled import CompiledExecution
from schema.execution.operation_cache import OperationCache, operation_cache
from schema.failures import Failures
from schema.freshness import Freshness
from schema.limits import DEFAULTS, Limits, OperationLimits
from schema.query import Query
from schema.rules import require_rules
from schema.scalars import DATE, DATE_TIME


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Logs nothing: `Failures` logs unforeseen errors, and only these."""


def build(
    limits: Limits = DEFAULTS, *, introspection: bool = True, compiled: bool = True
) -> strawberry.Schema:
    """The schema, with limits for each operation; `compiled` changes the speed only.

    Raises `NoRule` if a field does not say who may read it.
    """
    cache = operation_cache()
    built = _Schema(
        Query,
        execution_context_class=CompiledExecution if compiled else None,
        config=StrawberryConfig(
            scalar_map={date: DATE, datetime: DATE_TIME},
            disable_field_suggestions=not introspection,
        ),
        extensions=[
            Failures,
            lambda: OperationLimits(limits),
            Freshness,
            *([] if introspection else [DisableIntrospection]),
            lambda: OperationCache(cache),
        ],
    )
    require_rules(built._schema)
    return built


def sdl() -> str:
    """The printed SDL."""
    return build().as_str() + "\n"
