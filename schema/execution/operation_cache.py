"""The operation cache: a document that is sent again is neither parsed nor validated again.

Clients may send the hash of a cached document in its place.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

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
    """A parsed document, its validation errors, and the hash of the text that is the cache's key.

    `characters` is the length of the key or of the text that was parsed, whichever is longer.
    """

    characters: int
    document: DocumentNode
    errors: list[GraphQLError]
    hash: str | None = None


class CachedDocuments(LRUCache[str, CachedOperation]):
    """The cached operations of one schema, by their texts and by the texts' tokens.

    They are bounded by count and by size. A text is found by its SHA-256, too.
    """

    def __init__(self) -> None:
        # No document weighs less than its share: so the weight bounds the count, too.
        share = _CHARACTERS_MAX // _DOCUMENTS_MAX
        super().__init__(_CHARACTERS_MAX, lambda cached: max(cached.characters, share))
        self._by_hash = dict[str, str]()

    def of_hash(self, hash: str) -> str | None:
        """The cached text with this SHA-256."""
        return self._by_hash.get(hash)

    def add(self, text: str, tokens: str, cached: CachedOperation) -> None:
        """Caches an operation for its text, and for other texts with the same tokens."""
        length = max(len(text), len(tokens), cached.characters)
        if length > _CHARACTERS_MAX:
            return
        if tokens not in self:
            self[tokens] = cached._replace(characters=length, hash=None)
        hash = hash_of(text)
        self[text] = cached._replace(characters=length, hash=hash)
        self._by_hash[hash] = text

    def __delitem__(self, key: str, *given: Any) -> None:
        hash = self[key].hash
        super().__delitem__(key, *given)
        if hash is not None:
            del self._by_hash[hash]


@lru_cache(maxsize=16)
def hash_of(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal digits; cached for the steps of one request."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


class OperationCache(SchemaExtension):
    """Parses and validates documents that are not cached.

    A document with the same tokens as a cached one, but other comments or blanks, is parsed only.
    """

    def __init__(self, documents: CachedDocuments, turns: Turns) -> None:
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
        self._documents.add(text, tokens, cached)
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
    """The document's tokens, without comments and blanks. No document has this text."""
    tokens, token = ["\0"], document.loc and document.loc.start_token
    while token:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
            tokens.append(repr(token.value))
        elif token.kind is not TokenKind.COMMENT:
            tokens.append(token.value or token.kind.value)
        token = token.next
    return " ".join(tokens)
