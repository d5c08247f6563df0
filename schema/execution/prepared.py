"""Prepared operations: measured once, executed many times."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    execute,
    get_named_type,
)
from strawberry import Schema

from errors import BadUserInput
from schema.context import Context, OperationSummary
from schema.execution.turns import Turns
from schema.limits import EXPENSIVE
from schema.operation_size import Measure
from schema.rules import Rule, rules_of

_ROWS: Final = ("limit", "first")


class PreparedOperation:
    """A valid operation without fragments, which the schema's limits do not apply to.

    `fields` are its fields with their nodes, at any depth; `rules` are the fields' rules.
    """

    def __init__(self, schema: Schema, document: DocumentNode, turns: Turns) -> None:
        self._schema = schema._schema
        self._execution = schema.execution_context_class
        self._document = document
        self._turns = turns
        self.operation = _operation(document)
        selections = self.operation.selection_set
        self.fields = [*_fields(selections, self._schema.query_type)]
        self.rules: Sequence[Rule] = [rule for field, _ in self.fields for rule in rules_of(field)]
        text = document.loc.source.body if document.loc else ""
        self._summary = OperationSummary(
            self.operation.name.value if self.operation.name else None,
            len(text),
            sha256(text.encode()).hexdigest(),
            [each.name.value for each in selections.selections if isinstance(each, FieldNode)],
            Measure(self._schema, document, {}, 0).of(self.operation).cost,
        )

    @asynccontextmanager
    async def admitted(self, context: Context, variables: Mapping[str, Any]) -> AsyncIterator[None]:
        """Holds the slots for the operation; raises `ServiceUnavailable`, `TooManyRequests`."""
        cost = self._summary.cost + sum(variables.get(name, 0) for name in _ROWS)
        context.summary = replace(self._summary, cost=cost)
        if cost > EXPENSIVE:
            context.turns = self._turns
        async with context.admit(cost):
            yield

    async def execute(self, context: Context, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's data. Raises the error of a field, whatever the others answer.

        The caller limits its time, and has it `admitted`.
        """
        result = execute(
            self._schema,
            self._document,
            context_value=context,
            variable_values=dict(variables),
            executor_class=self._execution,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        for error in result.errors or ():
            raise error.original_error or BadUserInput(error.message)
        return result.data or {}


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    (operation,) = document.definitions
    if not isinstance(operation, OperationDefinitionNode):
        raise TypeError("A prepared operation must be a document of one operation.")
    return operation


def _fields(
    selections: SelectionSetNode | None, parent: Any
) -> Iterator[tuple[GraphQLField, FieldNode]]:
    for node in selections.selections if selections else ():
        if not isinstance(node, FieldNode):
            raise TypeError("A prepared operation must not have fragments.")
        if isinstance(parent, GraphQLObjectType) and (field := parent.fields.get(node.name.value)):
            yield field, node
            yield from _fields(node.selection_set, get_named_type(field.type))
