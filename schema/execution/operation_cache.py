"""The operation cache: a document that is sent again is neither parsed nor validated again."""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

# Characters of all texts together; parsed, each takes up to some 300 bytes.
_CHARACTERS_MAX: Final = 200_000
_DOCUMENTS_MAX: Final = 500


class CachedOperation(NamedTuple):
    """A parsed document and its validation errors."""

    characters: int
    document: DocumentNode
    errors: list[GraphQLError]


Documents: TypeAlias = LRUCache[str, CachedOperation]
"""Text → the cached operation."""


def operation_cache() -> Documents:
    """A cache for the documents of one schema, bounded by count and by size."""
    # No document weighs less than its share: so the weight bounds the count, too.
    share = _CHARACTERS_MAX // _DOCUMENTS_MAX
    return LRUCache(_CHARACTERS_MAX, lambda cached: max(cached.characters, share))


class OperationCache(SchemaExtension):
    """Parses and validates documents that are not cached."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_parse(self) -> Iterator[None]:
        if cached := self._documents.get(self.execution_context.query or ""):
            self.execution_context.graphql_document = cached.document
        yield

    def on_validate(self) -> Iterator[None]:
        context, text = self.execution_context, self.execution_context.query or ""
        # An operation may have been refused already for its variables.
        if context.pre_execution_errors is None and context.graphql_document is not None:
            cached = self._documents.get(text)
            if cached is None:
                errors = validate_document(
                    context.schema._schema, context.graphql_document, context.validation_rules
                )
                cached = CachedOperation(len(text), context.graphql_document, errors)
                if cached.characters <= _CHARACTERS_MAX:
                    self._documents[text] = cached
            context.pre_execution_errors = cached.errors
        yield
