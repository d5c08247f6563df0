"""The size of an operation: its depth, aliases, fields, rows, lists, strings and names."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TokenKind,
    VariableNode,
    get_named_type,
)

from errors import LimitExceeded, quoted
from schema.introspection import ROOT_FIELDS, IntrospectedValues, fragments_of

NAME_MAX: Final = 100
"""The characters of a name in a document, or of a key in a variable."""
STRING_MAX: Final = 1_000
"""The characters of a string in an argument or a variable.

Percent-encoded, two of them fit into the address of an export with its token.
"""
LIST_MAX: Final = 1_000
"""The items of a list in an argument or a variable."""
KEYS_MAX: Final = 30
"""The keys of an object in an argument or a variable."""

# The digits of an integer, of which Python parses 4,300.
_DIGITS_MAX: Final = 1_000

# The arguments that limit the rows of a list, and the largest value that any field accepts. The
# field itself refuses more, with a better error, so more costs nothing here.
_ROWS: Final = {"limit": 1000, "first": 100}


class Size(NamedTuple):
    """`depth` of nested objects; numbers of `aliases`; `cost`, of fields and rows.

    `items` are those of lists in arguments, once for each field; `values` those of introspection.
    """

    depth: int = 0
    aliases: int = 0
    cost: int = 0
    items: int = 0
    values: int = 0


_NOTHING: Final = Size()


class Measure:
    """Measures operations of a document. A fragment is measured once, however often it is spread.

    Raises `GraphQLError` for a long list, object or string, and `TooManyValues` for an
    introspection with more than `values_max` values.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        variables: Mapping[str, Any],
        values_max: int,
    ) -> None:
        self._schema = schema
        self._variables = dict(variables)
        self._fragments = fragments_of(document)
        self._measured = dict[str, Size]()
        self._items_of = dict[str, int]()
        self._introspected = IntrospectedValues(
            schema, self._fragments, self._variables, values_max
        )

    def of(self, operation: OperationDefinitionNode) -> Size:
        """The size of an operation with its fragments."""
        for variable in operation.variable_definitions or ():
            name = variable.variable.name.value
            self._variables.setdefault(name, self._value(variable.default_value))
            self._items(f"variable '${name}'", variable.default_value)
        return self._selections(operation.selection_set, self._schema.query_type)

    def _selections(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> Size:
        if selections is None:
            return _NOTHING
        sizes = [self._selection(node, parent) for node in selections.selections]
        depth = max(size.depth for size in sizes)
        return Size(depth, *(sum(numbers) for numbers in [*zip(*sizes, strict=True)][1:]))

    def _selection(self, node: Any, parent: GraphQLNamedType | None) -> Size:
        items = sum(self._arguments(each) for each in node.directives or ())
        if isinstance(node, FieldNode):
            size = self._field(node, parent)
        elif isinstance(node, FragmentSpreadNode):
            size = self._fragment(node.name.value)
        else:
            size = self._selections(node.selection_set, parent)
        return size._replace(items=size.items + items) if items else size

    def _fragment(self, name: str) -> Size:
        if name not in self._measured and name in self._fragments:
            # A fragment that spreads itself is refused by validation.
            self._measured[name] = _NOTHING
            fragment = self._fragments[name]
            on = self._schema.type_map.get(fragment.type_condition.name.value)
            self._measured[name] = self._selections(fragment.selection_set, on)
        return self._measured.get(name, _NOTHING)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        aliases, items = int(node.alias is not None), self._arguments(node)
        if node.name.value in ROOT_FIELDS and parent is self._schema.query_type:
            values = self._introspected.of(node)
            return Size(aliases=aliases, items=items, values=values)
        field = (
            parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType) else None
        )
        below = self._selections(node.selection_set, get_named_type(field.type) if field else None)
        named = 0 if node.name.value.startswith("__") else 1
        return Size(
            below.depth + 1 if node.selection_set else 0,
            below.aliases + aliases,
            below.cost + named + (self._rows(node, field.args) if field else 0),
            below.items + items,
            below.values,
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

    def _arguments(self, node: FieldNode | DirectiveNode) -> int:
        """The items of all lists in the arguments of a field or a directive."""
        return sum(
            self._items(f"argument '{each.name.value}'", each.value)
            for each in node.arguments or ()
        )

    def _items(self, where: str, value: object) -> int:
        """The items of all lists in a value, of GraphQL or of JSON."""
        match value:
            case VariableNode():
                name = value.name.value
                if name not in self._items_of:
                    self._items_of[name] = self._items(
                        f"variable '${name}'", self._variables.get(name)
                    )
                return self._items_of[name]
            case StringValueNode(value=text) | str(text):
                _check("string", f"string in {where}", len(text), "characters", STRING_MAX)
                return 0
            case ListValueNode(values=items) | list(items):
                _check("list", f"list in {where}", len(items), "items", LIST_MAX)
                return len(items) + sum(self._items(where, each) for each in items)
            case ObjectValueNode(fields=fields):
                _check("object", f"object in {where}", len(fields), "keys", KEYS_MAX)
                return sum(self._items(where, each.value) for each in fields)
            case dict():
                _check("object", f"object in {where}", len(value), "keys", KEYS_MAX)
                for key in value:
                    _check("name", f"key in {where}", len(key), "characters", NAME_MAX)
                return sum(self._items(where, each) for each in value.values())
            case _:
                return 0


def check_tokens(document: DocumentNode) -> None:
    """Raises `GraphQLError` for a long name, or an integer of more digits than Python parses."""
    where = document.loc
    token = where and where.start_token
    while where and token:
        text = token.value or ""
        if token.kind is TokenKind.NAME and len(text) > NAME_MAX:
            _check("name", f"name {quoted(text)}", len(text), "characters", NAME_MAX)
        if token.kind is TokenKind.INT and len(text) > _DIGITS_MAX:
            message = "An Int has 32 bits at most."
            raise GraphQLError(message, source=where.source, positions=[token.start])
        token = token.next


def _check(limit: str, measured: str, number: int, of: str, most: int) -> None:
    if number > most:
        message = f"The {measured} has {number:,} {of}; at most {most:,} are allowed."
        raise exceeded(limit, message)


def exceeded(limit: str, message: str) -> GraphQLError:
    """The error of an operation beyond a limit."""
    return GraphQLError(message, original_error=LimitExceeded(limit, message))
