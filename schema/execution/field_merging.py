"""Validation: fields with one response name are one field, with the same arguments.

graphql-core compares such fields pair by pair, which takes seconds for some hundred. Without
interfaces and unions, all fields of a response name have one parent type: it is enough to compare
each with the first.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    print_ast,
)

from schema.introspection import fields, fragments_of

FIELDS_MAX: Final = 20_000
"""The fields of all operations of a document, those of fragments once for each spread."""


class _TooManyFields(Exception):
    pass


class FieldMerging(ValidationRule):
    """Reports fields that can't be merged. Time is linear in the fields of an operation."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._fragments = fragments_of(context.document)
        self._left = FIELDS_MAX

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Checks an operation with the fragments that it spreads."""
        try:
            self._check([node.selection_set])
        except _TooManyFields:
            # Fragments that spread each other, which another rule reports, have no end.
            message = f"The document selects more than {FIELDS_MAX} fields."
            self.report_error(GraphQLError(message))

    def _check(self, selections: Iterable[SelectionSetNode]) -> None:
        by_name = dict[str, list[FieldNode]]()
        for field in fields(selections, self._fragments, self._count):
            by_name.setdefault((field.alias or field.name).value, []).append(field)
        for name, (first, *others) in by_name.items():
            arguments = _arguments(first) if others else {}
            for other in others:
                if difference := _difference(first, arguments, other):
                    message = (
                        f"Fields '{name}' conflict because {difference}. Use different aliases on "
                        "the fields to fetch both if this was intentional."
                    )
                    self.report_error(GraphQLError(message, [first, other]))
                    break
            below = [each.selection_set for each in (first, *others) if each.selection_set]
            if below:
                self._check(below)

    def _count(self) -> None:
        self._left -= 1
        if self._left <= 0:
            raise _TooManyFields


def _difference(first: FieldNode, arguments: Mapping[str, str], other: FieldNode) -> str | None:
    """What keeps two fields from being merged; None if nothing does."""
    if first.name.value != other.name.value:
        return f"'{first.name.value}' and '{other.name.value}' are different fields"
    if arguments != _arguments(other):
        return "they have differing arguments"
    return None


def _arguments(field: FieldNode) -> dict[str, str]:
    return {each.name.value: print_ast(each.value) for each in field.arguments or ()}
