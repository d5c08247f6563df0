"""Persisted operations: requests that name an operation by its id, or by the hash of its text.

Clients send `documentId`, the id of a document of the manifest, or follow Apollo's protocol of
automatic persisted queries: first the hash alone; if no text has it, the hash with the text.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from cross_web import HTTPException

from errors import InvalidOperation, PersistedQueryNotFound, quoted
from schema.execution.operation_cache import CachedDocuments, hash_of
from server.http.graphql_requests import Parameters
from server.persisted_documents import PersistedDocuments

_VERSION: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class PersistedOperations:
    """The operations that requests can name: those of the manifest, and those that are cached."""

    def __init__(self, documents: PersistedDocuments, cached: CachedDocuments) -> None:
        self._documents = documents
        self._cached = cached

    def text(self, request: Parameters) -> str | None:
        """The text of the operation that a request runs; None if it names and has none.

        Raises `InvalidOperation`, `PersistedQueryNotFound`, and `HTTPException` for a malformed or
        wrong hash.
        """
        if request.document_id is not None:
            return self._of_id(request.document_id)
        text = request.query or None
        hash = _hash(request.extensions or {})
        if hash is not None:
            trusted = self._documents.of_hash(hash)
            if trusted is not None and (text is None or self._documents.only):
                return trusted
            if not self._documents.only:
                return self._of_hash(hash, text)
        if self._documents.only and (hash or text) and text not in self._documents.texts:
            raise InvalidOperation(
                "This operation is not in the manifest, and this server runs no others "
                "(HEADCOUNT_TRUSTED_DOCUMENTS is only): send the documentId of one that is."
            )
        return text

    def _of_id(self, id: str) -> str:
        text = self._documents.by_id.get(id)
        if text is None:
            raise InvalidOperation(
                f"'documentId' is {quoted(id)}: the manifest of this server has no such document."
            )
        return text

    def _of_hash(self, hash: str, text: str | None) -> str:
        if not _SHA256.fullmatch(hash):
            raise _wrong("sha256Hash", hash, "a SHA-256 in 64 hexadecimal digits, in lower case")
        if text is None:
            found = self._cached.of_hash(hash)
            if found is None:
                raise PersistedQueryNotFound
            return found
        # Without an error, the operation is cached from now on.
        if text != self._cached.of_hash(hash) and hash_of(text) != hash:
            raise _wrong("sha256Hash", hash, "the SHA-256 of 'query'")
        return text


def _hash(extensions: Mapping[str, Any]) -> str | None:
    """The hash in the request, by Apollo's protocol; None if there is none."""
    given = extensions.get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise HTTPException(400, "'extensions.persistedQuery' must be an object or null.")
    version, hash = given.get("version"), given.get("sha256Hash")
    if version != _VERSION or isinstance(version, bool):
        raise _wrong("version", version, f"{_VERSION}")
    if not isinstance(hash, str):
        raise _wrong("sha256Hash", hash, "a string")
    return hash


def _wrong(name: str, value: object, right: str) -> HTTPException:
    message = f"'extensions.persistedQuery.{name}' is {quoted(value)}: it must be {right}."
    return HTTPException(400, message)
