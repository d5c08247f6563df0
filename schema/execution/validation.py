"""Validation of documents: the specified rules, in bounded time and with a bounded answer."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, ValidationRule
from graphql.validation import MaxIntrospectionDepthRule, OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.schema import validate_document

from errors import ERRORS_MAX
from schema.execution.field_merging import FieldMerging

NESTED_TOO_DEEPLY: Final = "The document spreads fragments in each other too deeply."

Rules: TypeAlias = Iterable[type[ASTValidationRule]]


class _FewSuggestions(ValidationRule):
    """Suggests names for the first errors only: a search for similar names takes the most time."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        report: Callable[[GraphQLError], None] = context.report_error
        reported = 0

        def counted(error: GraphQLError) -> None:
            nonlocal reported
            reported += 1
            if reported == ERRORS_MAX:
                context._hide_suggestions = True
            report(error)

        context.report_error = counted


# `OperationLimits` bounds introspection, by the values that it returns.
_REPLACED: Final = frozenset({OverlappingFieldsCanBeMergedRule, MaxIntrospectionDepthRule})


def validation_errors(
    schema: GraphQLSchema, document: DocumentNode, rules: Rules
) -> list[GraphQLError]:
    """The errors of a document, with rules that take linear time in place of graphql-core's."""
    others = (rule for rule in rules if rule not in _REPLACED)
    return bounded(validate_document(schema, document, (_FewSuggestions, *others, FieldMerging)))


def bounded(errors: list[GraphQLError]) -> list[GraphQLError]:
    """The first errors of a request, and one that says how many more there are."""
    aborted = bool(errors) and isinstance(errors[-1], ValidationAbortedError)
    if len(errors) <= ERRORS_MAX + 1 and not aborted:
        return errors
    found = len(errors) - aborted
    if not found:
        return [GraphQLError(NESTED_TOO_DEEPLY)]
    more = f"{'At least ' if aborted else ''}{found - ERRORS_MAX} more errors are not shown."
    return [*errors[:ERRORS_MAX], GraphQLError(more)]
