"""Validation: fields with one response name are one field, with the same arguments.

graphql-core compares such fields pair by pair, which takes seconds for some hundred. Without
interfaces and unions, all fields of a response name have one parent type: it is enough to compare
each with the first.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    print_ast,
)

FIELDS_MAX: Final = 20_000
"""The fields of all operations of a document, those of fragments once for each spread."""


class FieldMerging(ValidationRule):
    """Reports fields that can't be merged. Time is linear in the fields of an operation."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._fields = 0

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Checks an operation with the fragments that it spreads."""
        self._check([node.selection_set])

    def _check(self, selection_sets: Iterable[SelectionSetNode]) -> None:
        by_name = dict[str, list[FieldNode]]()
        spread = set[str]()
        for each in selection_sets:
            self._collect(each, by_name, spread)
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
            if below and self._fields <= FIELDS_MAX:
                self._check(below)

    def _collect(
        self, selections: SelectionSetNode, by_name: dict[str, list[FieldNode]], spread: set[str]
    ) -> None:
        for node in selections.selections:
            # Fragments that spread each other, of which another rule tells, have no end.
            self._fields += 1
            if self._fields == FIELDS_MAX:
                self.report_error(
                    GraphQLError(f"The document selects more than {FIELDS_MAX} fields.")
                )
            if self._fields >= FIELDS_MAX:
                return
            if isinstance(node, FieldNode):
                by_name.setdefault((node.alias or node.name).value, []).append(node)
            elif not isinstance(node, FragmentSpreadNode):
                self._collect(node.selection_set, by_name, spread)  # type: ignore[attr-defined]
            elif (name := node.name.value) not in spread:
                spread.add(name)
                if fragment := self.context.get_fragment(name):
                    self._collect(fragment.selection_set, by_name, spread)


def _difference(first: FieldNode, arguments: Mapping[str, str], other: FieldNode) -> str | None:
    """What keeps two fields from being merged; None if nothing does."""
    if first.name.value != other.name.value:
        return f"'{first.name.value}' and '{other.name.value}' are different fields"
    if arguments != _arguments(other):
        return "they have differing arguments"
    return None


def _arguments(field: FieldNode) -> dict[str, str]:
    return {each.name.value: print_ast(each.value) for each in field.arguments or ()}
