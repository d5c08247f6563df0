"""Persisted documents: the operations of a manifest, which clients run by their ids."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import schema
from errors import StartupError, quoted
from schema.execution.operation_cache import hash_of


@dataclass(frozen=True)
class PersistedDocuments:
    """The documents of a manifest: id → text. With `only`, no other operation runs."""

    by_id: Mapping[str, str]
    only: bool = False

    @cached_property
    def texts(self) -> frozenset[str]:
        """The texts of the documents."""
        return frozenset(self.by_id.values())

    @cached_property
    def _by_hash(self) -> Mapping[str, str]:
        return {hash_of(text): text for text in self.texts}

    def of_hash(self, hash: str) -> str | None:
        """The text with a hash: its SHA-256, or its id, as tools hash by other algorithms, too."""
        return self._by_hash.get(hash) or self.by_id.get(hash)


def read_documents(manifest: str | None, *, only: bool) -> PersistedDocuments:
    """The documents of a file; raises `StartupError` if it can't be read."""
    if manifest is None:
        if only:
            raise StartupError(
                "HEADCOUNT_TRUSTED_DOCUMENTS is only, but HEADCOUNT_DOCUMENTS is not set: set it "
                "to the file of the documents that clients may run."
            )
        return PersistedDocuments({})
    try:
        by_id = json.loads(Path(manifest).read_bytes())
        if not isinstance(by_id, dict):
            raise ValueError("it is no JSON object")
        for id, text in by_id.items():
            if not isinstance(text, str):
                raise ValueError(f"the value of {quoted(id)} is no string")
    except (OSError, ValueError, RecursionError) as error:
        raise StartupError(
            f"HEADCOUNT_DOCUMENTS: {manifest} can't be read as a manifest ({error}); give the file "
            "of a JSON object of ids and texts, as graphql-codegen or relay-compiler write it."
        ) from error
    return PersistedDocuments(by_id, only)


def check_documents(documents: PersistedDocuments) -> None:
    """Raises `StartupError` if a document does not fit the schema."""
    for id, reason in schema.invalid(documents.by_id):
        raise StartupError(
            f"HEADCOUNT_DOCUMENTS: the document {quoted(id)} does not fit the schema ({reason}); "
            "correct it in the client, and write the manifest again."
        )
