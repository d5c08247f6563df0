"""The command `headcount indexes`: shows and builds the indexes that the queries use."""

from collections.abc import Iterator, Sequence

from documents import DOCUMENTS
from server.database import SyncDatabase
from server.settings import Settings

_Keys = Sequence[tuple[str, int]]


def indexes(
    database: SyncDatabase, settings: Settings, *, apply: bool, covering: bool = False
) -> Iterator[str]:
    """Yields a line with the state of each index; `apply` builds the missing ones.

    It builds an index that makes MongoDB refuse documents only if `covering`.
    """
    for name, document in DOCUMENTS.items():
        collection = database[settings.collection(name)]
        existing: list[_Keys] = [[*index["key"].items()] for index in collection.list_indexes()]
        for index in getattr(document.Settings, "indexes", ()):
            keys: _Keys = [*index.document["key"].items()]
            refuses = _refuses_documents(keys)
            # An index also serves what each of its beginnings would serve.
            state = "exists" if any(each[: len(keys)] == keys for each in existing) else "missing"
            if state == "missing" and apply and (covering or not refuses):
                collection.create_indexes([index])
                existing.append(keys)
                state = "built"
            fields = ", ".join(
                field if order == 1 else f"{field} ({order})" for field, order in keys
            )
            line = f"{collection.name}: index on {fields}: {state}"
            yield f"{line}; refuses documents with arrays in two of its fields" if refuses else line


def _refuses_documents(keys: _Keys) -> bool:
    """Whether MongoDB refuses documents with arrays in two of its fields; no `_id` is an array."""
    return sum(field != "_id" for field, _ in keys) > 1
