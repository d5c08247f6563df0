"""Introspection: how much an operation returns, and answers that are made once, in a thread."""

import asyncio
import json
from collections.abc import (
    AsyncIterator,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    execute_sync,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    introspection_types,
    is_list_type,
    parse,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

ROOT_FIELDS: Final = frozenset({"__schema", "__type"})

Fragments: TypeAlias = Mapping[str, FragmentDefinitionNode]

_CACHED_ANSWERS: Final = 8
_CACHED_VARIABLES_MAX: Final = 1_000


class TooManyValues(Exception):
    """An introspection returns more values than are allowed."""


class IntrospectedValues:
    """Counts the values that introspection returns; raises `TooManyValues` beyond `most`."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Fragments, variables: Mapping[str, Any], most: int
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._left = most
        self._info: Any = SimpleNamespace(schema=schema)

    def of(self, field: FieldNode) -> int:
        """The number of values of `__schema` or `__type`, with the deprecated ones."""
        before = self._left
        if field.name.value == "__schema":
            self._below(field, introspection_types["__Schema"], [self._schema])
        else:
            arguments = {each.name.value: each.value for each in field.arguments or ()}
            type_ = self._schema.type_map.get(str(self._text(arguments.get("name"))))
            self._below(field, introspection_types["__Type"], [type_] if type_ else [])
        return before - self._left

    def _text(self, node: object) -> object:
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value)
        return node.value if isinstance(node, StringValueNode) else None

    def _below(self, field: FieldNode, type_: Any, elements: Sequence[Any]) -> None:
        if not elements or field.selection_set is None:
            return
        for node in fields([field.selection_set], self._fragments, self._count):
            self._count(len(elements))
            definition = type_.fields.get(node.name.value)
            below: Any = definition and get_named_type(definition.type)
            if isinstance(below, GraphQLObjectType):
                self._below(node, below, [*self._children(definition, elements)])

    def _children(self, definition: Any, elements: Sequence[Any]) -> Iterator[Any]:
        deprecated = {"includeDeprecated": True} if "includeDeprecated" in definition.args else {}
        is_list = is_list_type(get_nullable_type(definition.type))
        for element in elements:
            value = definition.resolve(element, self._info, **deprecated)
            if value is not None:
                yield from value if is_list else (value,)

    def _count(self, number: int = 1) -> None:
        self._left -= number
        if self._left < 0:
            raise TooManyValues


def values_of_schema(schema: GraphQLSchema) -> int:
    """The number of values in the answer to tools' introspection query with all of its options."""
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    document: Any = parse(text)
    (root,) = document.definitions[0].selection_set.selections
    return IntrospectedValues(schema, fragments_of(document), {}, most=10**9).of(root)


def names_of(schema: GraphQLSchema) -> Iterator[str]:
    """The names of types, fields, arguments, values and directives that introspection tells."""
    named: Any
    for named in (*schema.type_map.values(), *schema.directives):
        yield named.name
        yield from getattr(named, "values", ())
        yield from getattr(named, "args", ())
        for name, field in getattr(named, "fields", {}).items():
            yield name
            yield from getattr(field, "args", ())


def fragments_of(document: DocumentNode) -> Fragments:
    """Name → fragment of a document."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def fields(
    selections: Iterable[SelectionSetNode],
    fragments: Fragments,
    count: Callable[[], None] = lambda: None,
) -> Iterator[FieldNode]:
    """The fields of selections, with those of their fragments; calls `count` for each step."""
    spread = set[str]()
    left = [*selections]
    while left:
        for node in left.pop().selections:
            count()
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                left.append(node.selection_set)
            elif (
                isinstance(node, FragmentSpreadNode)
                and (name := node.name.value) not in spread
                and name in fragments
            ):
                spread.add(name)
                left.append(fragments[name].selection_set)


class IntrospectionAnswers:
    """The answers of one schema to operations that only introspect; they never change."""

    def __init__(self) -> None:
        # The document is in the value, so that no other document gets its id.
        self._cached: LRUCache[Hashable, tuple[object, ExecutionResult]] = LRUCache(_CACHED_ANSWERS)
        # One at a time: each takes a processor for some 100 ms.
        self._making = asyncio.Semaphore()

    async def answer(self, context: ExecutionContext) -> ExecutionResult:
        """The answer to the operation; the first one is made in a thread."""
        document, variables = context.graphql_document, json.dumps(context.variables)
        key = id(document), context.operation_name, variables
        async with self._making:
            found = self._cached.get(key)
            if found is None:
                found = document, await asyncio.to_thread(_executed, context)
                if len(variables) <= _CACHED_VARIABLES_MAX:
                    self._cached[key] = found
        _, made = found
        # Extensions change the errors of a result.
        return ExecutionResult(made.data, made.errors and [*made.errors])


class Introspection(SchemaExtension):
    """Has operations that only introspect answered by `IntrospectionAnswers`."""

    def __init__(self, answers: IntrospectionAnswers) -> None:
        self._answers = answers

    async def on_execute(self) -> AsyncIterator[None]:
        summary = self.execution_context.context.summary
        # An operation without a cost has no other fields than introspection.
        if summary.cost == 0 and ROOT_FIELDS.intersection(summary.fields):
            self.execution_context.result = await self._answers.answer(self.execution_context)
        yield


def _executed(context: ExecutionContext) -> ExecutionResult:
    document: Any = context.graphql_document
    return execute_sync(
        context.schema._schema,
        document,
        variable_values=context.variables,
        operation_name=context.operation_name,
    )
