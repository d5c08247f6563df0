"""The GraphQL schema: types, rules and limits. `schema.graphql` beside it is its printed SDL."""

from datetime import date, datetime

import strawberry
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.execution.compiled import Compiled
from schema.execution.operation_cache import KnownDocuments, documents
from schema.failures import Failures
from schema.freshness import Freshness
from schema.limits import DEFAULTS, Limits, OperationLimits
from schema.query import Query
from schema.scalars import DATE, DATE_TIME


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Logs nothing: `Failures` logs what nobody expected, and only that."""


def build(
    limits: Limits = DEFAULTS, *, introspection: bool = True, compiled: bool = True
) -> strawberry.Schema:
    """The schema, with limits on its operations; `compiled` makes no difference but of speed."""
    known = documents()
    return _Schema(
        Query,
        execution_context_class=Compiled if compiled else None,
        config=StrawberryConfig(
            scalar_map={date: DATE, datetime: DATE_TIME},
            disable_field_suggestions=not introspection,
        ),
        extensions=[
            Failures,
            lambda: OperationLimits(limits),
            Freshness,
            *([] if introspection else [DisableIntrospection]),
            lambda: KnownDocuments(known),
        ],
    )


def sdl() -> str:
    """The printed SDL."""
    return build().as_str() + "\n"
