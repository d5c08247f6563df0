"""Stored operations: GraphQL files with the paths that they answer, checked when they are read."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    extend_schema,
    get_directive_values,
    get_nullable_type,
    parse,
    type_from_ast,
    validate,
    value_from_ast_untyped,
)
from strawberry import Schema

from auth.viewer import Viewer
from errors import Forbidden
from rest.shape import Shape, members_of
from schema.execution.prepared import PreparedOperation
from schema.execution.turns import Turns

STORED: Final = Path(__file__).with_name("stored")
"""The folder of the reference's stored operations."""
PARAMETER_TYPES: Final = frozenset({"Boolean", "DateTime", "ID", "Int", "String"})
"""The types that a parameter may be of, besides enums."""
_DIRECTIVES: Final = Path(__file__).with_name("directives.graphql")
_IN_PATH: Final = re.compile(r"\{(\w+)\}")


class StoredOperationError(ValueError):
    """A file that is no stored operation. Its text names the file and says what is wrong."""


@dataclass(frozen=True)
class Parameter:
    """A variable of a stored operation, and so a parameter of its URL.

    `default` is the value of an absent parameter, the name of an enum's; `Undefined` without one.
    `bounds` are the least and the most of a number; both are in.
    """

    name: str
    type: GraphQLInputType
    description: str
    default: Any
    bounds: tuple[int, int] = (0, 0)

    @property
    def required(self) -> bool:
        """Whether a request without the parameter is refused."""
        return isinstance(self.type, GraphQLNonNull) and self.default is Undefined


@dataclass(frozen=True)
class StoredOperation:
    """An operation, the paths that it answers, its parameters, and the shape of its answer.

    `tag` is its heading in the docs; `example` is an answer, None without one.
    """

    name: str
    description: str
    paths: Sequence[str]
    tag: str
    parameters: Sequence[Parameter]
    shape: Shape
    prepared: PreparedOperation
    example: Any = None

    @property
    def limit_max(self) -> int | None:
        """The most rows that `limit` may ask for; None without this parameter."""
        return next((each.bounds[1] for each in self.parameters if each.name == "limit"), None)

    def permit(self, viewer: Viewer) -> None:
        """Raises `Forbidden` unless the viewer may read every field."""
        for rule in self.prepared.rules:
            if not rule.allows(viewer):
                raise Forbidden(f"This path can only be read by {rule.demand()}.")


def stored_operations(schema: Schema, turns: Turns, folder: Path) -> Sequence[StoredOperation]:
    """The stored operations of a folder's files; raises `StoredOperationError`.

    A file `name.graphql` is an operation; `name.json` beside it is an example of its answer.

    Paths without parameters come first, so that no other path takes them.
    """
    extended = extend_schema(schema._schema, parse(_DIRECTIVES.read_text()))
    reader = _Reader(schema, extended, turns)
    operations = [reader.read(file) for file in sorted(folder.glob("*.graphql"))]
    return sorted(operations, key=lambda one: any("{" in path for path in one.paths))


@dataclass(frozen=True)
class _Reader:
    schema: Schema
    extended: GraphQLSchema
    turns: Turns

    def read(self, file: Path) -> StoredOperation:
        try:
            return self._operation(file)
        except (GraphQLError, TypeError, ValueError) as error:
            raise StoredOperationError(f"Stored operation {file.name}: {error}") from error

    def _operation(self, file: Path) -> StoredOperation:
        document = parse(file.read_text())
        for error in validate(self.extended, document):
            raise error
        prepared = PreparedOperation(self.schema, document, self.turns)
        operation = prepared.operation
        path = self._directive("path", operation)
        if path is None or operation.name is None or len(operation.selection_set.selections) != 1:
            raise ValueError("It needs a name, @path and one root field.")
        example = file.with_suffix(".json")
        (root,) = members_of(operation.selection_set, self.extended.query_type, self._directive)
        one = StoredOperation(
            name=operation.name.value,
            description=operation.description.value if operation.description else "",
            paths=path["is"],
            tag=path["tag"],
            parameters=[*map(self._parameter, operation.variable_definitions or ())],
            shape=Shape(root),
            prepared=prepared,
            example=json.loads(example.read_text()) if example.exists() else None,
        )
        names = {each.name for each in one.parameters}
        if unknown := {*_IN_PATH.findall(" ".join(one.paths))} - names:
            raise ValueError(f"@path has {', '.join(sorted(unknown))}, which is no variable.")
        return one

    def _parameter(self, definition: Any) -> Parameter:
        name = definition.variable.name.value
        type_: Any = type_from_ast(self.extended, definition.type)
        bounds = self._directive("range", definition)
        named = get_nullable_type(type_)
        if not isinstance(named, GraphQLEnumType) and str(named) not in PARAMETER_TYPES:
            raise ValueError(f"Variable ${name}: no parameter of a URL can be of type {type_}.")
        if (str(named) == "Int") != (bounds is not None):
            raise ValueError(f"Variable ${name}: an Int needs @range, and nothing else has it.")
        default = definition.default_value
        return Parameter(
            name,
            type_,
            definition.description.value if definition.description else "",
            Undefined if default is None else value_from_ast_untyped(default),
            (bounds["min"], bounds["max"]) if bounds else (0, 0),
        )

    def _directive(self, name: str, node: Any) -> dict[str, Any] | None:
        """The arguments of a directive on a node; None if it is not there."""
        definition: Any = self.extended.get_directive(name)
        return get_directive_values(definition, node)
