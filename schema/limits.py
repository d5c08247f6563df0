"""Limits of one operation: its text, names, depth, aliases, tokens, cost and introspection."""

import re
from collections.abc import AsyncIterator, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    get_operation_ast,
)
from strawberry.extensions import SchemaExtension

from schema.context import OperationSummary
from schema.execution.operation_cache import hash_of
from schema.execution.turns import Turns
from schema.execution.validation import NESTED_TOO_DEEPLY
from schema.introspection import TooManyValues, fields, fragments_of
from schema.operation_size import NAME_MAX, Measure, Size, check_tokens, exceeded

# Characters of all cached texts together.
_CHARACTERS_MAX: Final = 200_000
# Characters of a name, and names, in the log.
_LOGGED: Final = 50

TEXT_MAX: Final = 100_000
"""The characters of an operation's text."""
EXPENSIVE: Final = 1_000
"""The cost from which an operation's root fields are completed one by one."""
ITEMS_MAX: Final = 5_000
"""The items of all lists in the arguments of an operation."""

# Matches from a word's first character only: trying each one would take quadratic time.
_LONG_WORD = re.compile(rf"(?<!\w)\w{{{NAME_MAX + 1}}}")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one operation.

    `depth` counts nested objects, `aliases` aliases and `tokens` the tokens of the text. `cost`
    counts one for each field, and one for each row that a list may have (its `limit` or `first`).
    Beside other fields, introspection costs one for each value that it returns; alone, it may
    return twice the values of the whole schema.
    """

    depth: int = 8
    aliases: int = 30
    tokens: int = 2000
    cost: int = 5000


DEFAULTS = Limits()


Summaries: TypeAlias = LRUCache[tuple[str, str | None], OperationSummary]
"""(text, operation name) → what an operation within all limits is."""


def summary_cache() -> Summaries:
    """A cache for the operations of one schema, bounded by the characters of their texts."""
    return LRUCache(_CHARACTERS_MAX, lambda summary: summary.characters)


class OperationLimits(SchemaExtension):
    """Refuses operations beyond the limits before they are validated."""

    def __init__(
        self,
        limits: Limits,
        introspected_values_max: int,
        turns: Turns,
        summaries: Summaries,
        unlimited: Container[str],
    ) -> None:
        self._limits = limits
        self._unlimited = unlimited
        self._turns = turns
        self._summaries = summaries
        self._values_max = introspected_values_max
        self._cost = 0

    def on_operation(self) -> Iterator[None]:
        if self.execution_context.query not in self._unlimited:
            self.execution_context.parse_options["max_tokens"] = self._limits.tokens
        yield

    def on_validate(self) -> Iterator[None]:
        try:
            self._check()
        except GraphQLError as error:
            self.execution_context.pre_execution_errors = [error]
        except TooManyValues:
            message = (
                f"The introspection returns more than {self._values_max:,} values, which is twice "
                "the schema: ask for less of it."
            )
            self.execution_context.pre_execution_errors = [exceeded("introspection", message)]
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        async with self.execution_context.context.admit(self._cost):
            yield

    def get_results(self) -> dict[str, Any]:
        """`cost`: the operation's cost, if it read any cube."""
        return {"cost": self._cost} if self.execution_context.context.loader.notes.by_cube else {}

    def _check(self) -> None:
        """Raises `GraphQLError` or `TooManyValues` for an operation beyond the limits."""
        context = self.execution_context
        document = context.graphql_document
        if document is None:
            return
        key = (context.query or "", context._provided_operation_name)
        # Variables may have other costs each time.
        if not context.variables and (summary := self._summaries.get(key)):
            self._admit(summary)
            return
        # Other words may be in comments and texts.
        if _LONG_WORD.search(key[0]):
            check_tokens(document)
        # `context.operation_name` is the first operation's if the request names none.
        operation = get_operation_ast(document, context._provided_operation_name)
        if operation is None:
            _check_operation_name(document)
            return
        size = self._size(document, operation)
        cost = size.cost + (size.values if size.cost else 0)
        summary = self._summary(document, operation, cost)
        self._admit(summary)
        if key[0] not in self._unlimited:
            self._check_size(size, cost)
        _check("items", size.items, ITEMS_MAX, "operation's lists have {} items; at most {} are")
        if not context.variables and len(key[0]) <= self._summaries.maxsize:
            self._summaries[key] = summary

    def _check_size(self, size: Size, cost: int) -> None:
        _check("depth", size.depth, self._limits.depth, "operation's depth is {}; at most {} is")
        _check(
            "aliases",
            size.aliases,
            self._limits.aliases,
            "operation has {} aliases; at most {} are",
        )
        _check("cost", cost, self._limits.cost, "operation's cost is {}; at most {} is")

    def _admit(self, summary: OperationSummary) -> None:
        """Notes what the operation is, and what it costs."""
        self._cost = summary.cost
        context = self.execution_context.context
        context.summary = summary
        if summary.cost > EXPENSIVE:
            context.turns = self._turns

    def _summary(
        self, document: DocumentNode, operation: OperationDefinitionNode, cost: int
    ) -> OperationSummary:
        selected = fields([operation.selection_set], fragments_of(document))
        return OperationSummary(
            operation.name.value[:_LOGGED] if operation.name else None,
            len(self.execution_context.query or ""),
            hash_of(self.execution_context.query or ""),
            [*dict.fromkeys(each.name.value[:_LOGGED] for each in selected)][:_LOGGED],
            cost,
        )

    def _size(self, document: DocumentNode, operation: OperationDefinitionNode) -> Size:
        context = self.execution_context
        measure = Measure(
            context.schema._schema, document, context.variables or {}, self._values_max
        )
        try:
            size = measure.of(operation)
            # The lists of other operations are validated, too.
            for each in document.definitions:
                if isinstance(each, OperationDefinitionNode) and each is not operation:
                    with suppress(TooManyValues):
                        measure.of(each)
        except RecursionError:
            message = NESTED_TOO_DEEPLY
            raise exceeded("nesting", message) from None
        return size


def _check(limit: str, found: int, allowed: int, measured: str) -> None:
    if found > allowed:
        text = measured.format(f"{found:,}", f"{allowed:,}")
        raise exceeded(limit, f"The {text} allowed.")


def _check_operation_name(document: DocumentNode) -> None:
    """Raises `GraphQLError` for a request that does not choose one of several operations by name.

    If no operation has a name, validation refuses the document.
    """
    operations = (
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    if names := ", ".join(each.name.value for each in operations if each.name)[:200]:
        raise GraphQLError(
            f"The document has several operations: set 'operationName' to one of {names}."
        )
