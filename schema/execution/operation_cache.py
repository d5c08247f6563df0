"""The operation cache: a document that is sent again is neither parsed nor validated again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError, TokenKind
from strawberry.extensions import SchemaExtension

from schema.execution.locations import index_lines
from schema.execution.turns import Turns
from schema.execution.validation import validation_errors

# Characters of all texts together; parsed, each takes up to some 300 bytes.
_CHARACTERS_MAX: Final = 200_000
_DOCUMENTS_MAX: Final = 500
# Characters of a document that is validated in a thread: it takes up to some 50 ms.
_LARGE: Final = 4_000
_CHARACTERS_OF_COST: Final = 10


class CachedOperation(NamedTuple):
    """A parsed document and its validation errors."""

    characters: int
    document: DocumentNode
    errors: list[GraphQLError]


Documents: TypeAlias = LRUCache[str, CachedOperation]
"""Text, or the text of its tokens → the cached operation."""


def operation_cache() -> Documents:
    """A cache for the documents of one schema, bounded by count and by size."""
    # No document weighs less than its share: so the weight bounds the count, too.
    share = _CHARACTERS_MAX // _DOCUMENTS_MAX
    return LRUCache(_CHARACTERS_MAX, lambda cached: max(cached.characters, share))


class OperationCache(SchemaExtension):
    """Parses and validates documents that are not cached.

    A document with the same tokens as a cached one, but other comments or blanks, is parsed only.
    """

    def __init__(self, documents: Documents, turns: Turns) -> None:
        self._documents = documents
        self._turns = turns

    async def on_parse(self) -> AsyncIterator[None]:
        context = self.execution_context
        if cached := self._documents.get(context.query or ""):
            context.graphql_document = cached.document
            yield
        else:
            async with self._admitted(), self._turns.turn():
                yield
                if context.graphql_document is not None:
                    _unlink(context.graphql_document)
                    index_lines(context.graphql_document)

    async def on_validate(self) -> AsyncIterator[None]:
        context, text = self.execution_context, self.execution_context.query or ""
        # An operation may have been refused already for its variables.
        if context.pre_execution_errors is None and context.graphql_document is not None:
            cached = self._documents.get(text)
            if cached is None:
                cached = await self._validated(context.graphql_document, text)
            context.graphql_document = cached.document
            context.pre_execution_errors = cached.errors
        yield

    def _admitted(self) -> AbstractAsyncContextManager[None]:
        """The slots for parsing or validating the text: long ones must not queue before others."""
        context = self.execution_context
        admitted: AbstractAsyncContextManager[None] = context.context.admit(
            len(context.query or "") // _CHARACTERS_OF_COST
        )
        return admitted

    async def _validated(self, document: DocumentNode, text: str) -> CachedOperation:
        tokens = _tokens(document)
        cached = self._documents.get(tokens)
        if cached is None:
            context = self.execution_context
            async with self._admitted(), self._turns.turn():
                validate = partial(
                    validation_errors, context.schema._schema, document, context.validation_rules
                )
                errors = await asyncio.to_thread(validate) if len(tokens) > _LARGE else validate()
            # What follows is not part of the same turn.
            await asyncio.sleep(0)
            cached = CachedOperation(len(text), document, errors)
        for key in (text, tokens):
            if cached.characters <= _CHARACTERS_MAX:
                self._documents[key] = cached
        return cached


def _unlink(document: DocumentNode) -> None:
    """Takes away the tokens' links to the tokens before, which nothing uses.

    Without these cycles, a document is freed at once, not by a scan of all objects.
    """
    token = document.loc and document.loc.start_token
    while token:
        token.prev = None
        token = token.next


def _tokens(document: DocumentNode) -> str:
    """The document's tokens, without comments and blanks."""
    tokens, token = list[str](), document.loc and document.loc.start_token
    while token:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
            tokens.append(repr(token.value))
        elif token.kind is not TokenKind.COMMENT:
            tokens.append(token.value or token.kind.value)
        token = token.next
    return " ".join(tokens)
