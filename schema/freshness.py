"""Freshness in the extensions of each answer, and the request's extension `readAfter`."""

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from errors import BadUserInput
from resolvers.freshness import READ_AFTER, CubeFreshness, CubeSource, read_after
from schema.context import Context
from schema.enums import described
from schema.scalars import iso

described(
    CubeSource,
    "The source of a cube's cells.",
    {
        "ROLLUP": "Materialised cells, which follow the documents.",
        "LIVE": "The documents, counted for this answer.",
    },
)


class Freshness(SchemaExtension):
    """Adds the freshness of the cubes that an operation read, and applies `readAfter`."""

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        value = (execution.operation_extensions or {}).get(READ_AFTER)
        if value is not None and not execution.pre_execution_errors:
            try:
                self._context.loader.after = read_after(value, self._context.now)
            except BadUserInput as error:
                execution.pre_execution_errors = [GraphQLError(str(error), original_error=error)]
        yield

    def get_results(self) -> dict[str, Any]:
        """`freshness`, a list as the field of this name has it, and `aggregations`, a number."""
        loader = self._context.loader
        read = [_shown(CubeFreshness.of(each)) for each in loader.notes.by_cube.values()]
        return {"freshness": read, "aggregations": loader.count} if read else {}

    @property
    def _context(self) -> Context:
        context: Context = self.execution_context.context
        return context


def _shown(found: CubeFreshness) -> dict[str, Any]:
    return {
        "cube": found.cube,
        "source": found.source.name,
        "asOf": iso(found.as_of),
        "lagMs": found.lag_ms,
    }
