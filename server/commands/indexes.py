"""The command `headcount indexes`: shows and builds the indexes that the queries use."""

from collections.abc import Iterator

from documents import DOCUMENTS
from server.database import SyncDatabase
from server.settings import Settings


def indexes(database: SyncDatabase, settings: Settings, *, apply: bool) -> Iterator[str]:
    """Yields a line with the state of each index; `apply` builds the missing ones."""
    for name, document in DOCUMENTS.items():
        collection = database[settings.collection(name)]
        existing = [list(index["key"].items()) for index in collection.list_indexes()]
        for index in getattr(document.Settings, "indexes", ()):
            keys = [*index.document["key"].items()]
            missing = keys not in existing
            if missing and apply:
                collection.create_indexes([index])
            state = "missing" if missing and not apply else "built" if missing else "exists"
            fields = ", ".join(
                field if order == 1 else f"{field} ({order})" for field, order in keys
            )
            yield f"{collection.name}: index on {fields}: {state}"
