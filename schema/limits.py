"""Limits of one operation: depth, aliases, tokens and cost."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    get_operation_ast,
    visit,
)
from strawberry.extensions import SchemaExtension

# The arguments that limit the rows of a list, and the largest value that any field accepts. The
# field itself refuses more, with a better error, so more costs nothing here.
_ROWS = {"limit": 1000, "first": 100}
# Matches from a number's first digit only: trying each digit would take quadratic time.
_LONG = re.compile(r"(?<!\d)\d{1000}")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one operation.

    `depth` counts nested objects, `aliases` aliases and `tokens` the tokens of the text. `cost`
    counts one for each field, and one for each row that a list may have (its `limit` or `first`).
    Introspection has neither depth nor cost; graphql-core bounds it.
    """

    depth: int = 8
    aliases: int = 30
    tokens: int = 2000
    cost: int = 5000


DEFAULTS = Limits()


class _Size(NamedTuple):
    depth: int
    aliases: int
    cost: int


class OperationLimits(SchemaExtension):
    """Refuses operations beyond the limits before they are validated."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cost = 0

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = self._limits.tokens
        yield

    def on_validate(self) -> Iterator[None]:
        if error := self._excess():
            self.execution_context.pre_execution_errors = [error]
        yield

    def get_results(self) -> dict[str, Any]:
        """`cost`: the operation's cost, if it read any cube."""
        return {"cost": self._cost} if self.execution_context.context.loader.notes.by_cube else {}

    def _excess(self) -> GraphQLError | None:
        context = self.execution_context
        document = context.graphql_document
        if document is None:
            return None
        # `context.operation_name` is the first operation's if the request names none.
        operation = get_operation_ast(document, context._provided_operation_name)
        if operation is None:
            return _several_operations(document)
        if _LONG.search(context.query or ""):
            integers = _LongIntegers()
            visit(document, integers)
            if integers.found:
                return GraphQLError("An Int has 32 bits at most.", nodes=integers.found)
        size = _Measure(context.schema._schema, document, context.variables or {}).of(operation)
        self._cost = size.cost
        for limit in ("depth", "aliases", "cost"):
            found, allowed = getattr(size, limit), getattr(self._limits, limit)
            if found > allowed:
                measured = (
                    f"operation has {found} aliases; at most {allowed} are"
                    if limit == "aliases"
                    else f"operation's {limit} is {found}; at most {allowed} is"
                )
                return GraphQLError(f"The {measured} allowed.")
        return None


def _several_operations(document: DocumentNode) -> GraphQLError | None:
    """The error of a request that does not choose an operation by name.

    None if no operation has a name: validation refuses the document.
    """
    operations = (
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    names = ", ".join(each.name.value for each in operations if each.name)[:200]
    message = f"The document has several operations: set 'operationName' to one of {names}."
    return GraphQLError(message) if names else None


class _LongIntegers(Visitor):
    """Finds integers with more digits than Python parses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[IntValueNode] = []

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        if _LONG.search(node.value):
            self.found.append(node)


class _Measure:
    """Measures an operation. Each fragment is measured once, so nested spreads stay cheap."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = dict(variables)
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Size] = {}

    def of(self, operation: OperationDefinitionNode) -> _Size:
        for variable in operation.variable_definitions or ():
            name = variable.variable.name.value
            self._variables.setdefault(name, self._value(variable.default_value))
        return self._selections(operation.selection_set, self._schema.query_type)

    def _selections(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> _Size:
        sizes = (
            [self._selection(node, parent) for node in selections.selections] if selections else []
        )
        return _Size(
            max((size.depth for size in sizes), default=0),
            sum(size.aliases for size in sizes),
            sum(size.cost for size in sizes),
        )

    def _selection(self, node: Any, parent: GraphQLNamedType | None) -> _Size:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value)
        return self._selections(node.selection_set, parent)

    def _fragment(self, name: str) -> _Size:
        if name not in self._measured and name in self._fragments:
            # A fragment that spreads itself is refused by validation.
            self._measured[name] = _Size(0, 0, 0)
            fragment = self._fragments[name]
            on = self._schema.type_map.get(fragment.type_condition.name.value)
            self._measured[name] = self._selections(fragment.selection_set, on)
        return self._measured.get(name, _Size(0, 0, 0))

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> _Size:
        aliases = 1 if node.alias else 0
        if node.name.value.startswith("__"):
            return _Size(0, aliases, 0)
        field = (
            parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType) else None
        )
        below = self._selections(node.selection_set, get_named_type(field.type) if field else None)
        return _Size(
            below.depth + 1 if node.selection_set else 0,
            below.aliases + aliases,
            below.cost + 1 + (self._rows(node, field.args) if field else 0),
        )

    def _rows(self, node: FieldNode, arguments: Mapping[str, Any]) -> int:
        for name, most in _ROWS.items():
            if name in arguments:
                rows: Any = arguments[name].default_value
                for argument in node.arguments or ():
                    if argument.name.value == name:
                        rows = self._value(argument.value)
                return int(rows) if isinstance(rows, int | float) and 0 < rows <= most else 0
        return 0

    def _value(self, node: object) -> object:
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value)
        return None
