"""Documents are parsed and validated once: one that is sent again is known by its text."""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

# Characters of all texts together; parsed, each takes up to some 300 bytes.
_CHARACTERS_MAX: Final = 200_000
_DOCUMENTS_MAX: Final = 500


class _Known(NamedTuple):
    characters: int
    document: DocumentNode
    errors: list[GraphQLError]


Documents: TypeAlias = LRUCache[str, _Known]
"""Text → the parsed document, and what is wrong with it."""


def documents() -> Documents:
    """Room for the documents of one schema that were sent last, bounded by count and by size."""
    # None weighs less than its share, so that the weight bounds the count, too.
    share = _CHARACTERS_MAX // _DOCUMENTS_MAX
    return LRUCache(_CHARACTERS_MAX, lambda known: max(known.characters, share))


class KnownDocuments(SchemaExtension):
    """Parses and validates what is not known yet."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_parse(self) -> Iterator[None]:
        if known := self._documents.get(self.execution_context.query or ""):
            self.execution_context.graphql_document = known.document
        yield

    def on_validate(self) -> Iterator[None]:
        context, text = self.execution_context, self.execution_context.query or ""
        # One that was refused already may have been so for its variables.
        if context.pre_execution_errors is None and context.graphql_document is not None:
            known = self._documents.get(text)
            if known is None:
                errors = validate_document(
                    context.schema._schema, context.graphql_document, context.validation_rules
                )
                known = _Known(len(text), context.graphql_document, errors)
                if known.characters <= _CHARACTERS_MAX:
                    self._documents[text] = known
            context.pre_execution_errors = known.errors
        yield
