"""Freshness: what cubes are read from, as a field, and in the extensions of each answer."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from errors import BadUserInput
from resolvers.freshness import READ_AFTER, CubeSource, read_after
from resolvers.freshness import CubeFreshness as Found
from schema.context import Context
from schema.enums import described
from schema.scalars import iso

described(
    CubeSource,
    "What a cube is read from.",
    {
        "ROLLUP": "Kept cells, which follow the documents.",
        "LIVE": "The documents.",
    },
)


@strawberry.type(description="Where a cube is read from, and how old that is.")
class CubeFreshness:
    cube: str = strawberry.field(description="The cube's name.")
    source: CubeSource = strawberry.field(description="What it is read from.")
    as_of: datetime = strawberry.field(description="The moment whose documents are counted.")
    lag_ms: int = strawberry.field(description="How many milliseconds ago that is.")


class Freshness(SchemaExtension):
    """Says of the cubes that an operation read how fresh they are, and takes `readAfter`."""

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        value = (execution.operation_extensions or {}).get(READ_AFTER)
        if value is not None and not execution.pre_execution_errors:
            try:
                self._context.aggregations.after = read_after(value, self._context.now)
            except BadUserInput as error:
                execution.pre_execution_errors = [GraphQLError(str(error), original_error=error)]
        yield

    def get_results(self) -> dict[str, Any]:
        """`freshness`: a list like that of the field of this name; `aggregations`: how many."""
        aggregations = self._context.aggregations
        used = [_shown(Found.of(each)) for each in aggregations.used.values()]
        return {"freshness": used, "aggregations": aggregations.count} if used else {}

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context


def _shown(found: Found) -> dict[str, Any]:
    return {
        "cube": found.cube,
        "source": found.source.name,
        "asOf": iso(found.as_of),
        "lagMs": found.lag_ms,
    }
