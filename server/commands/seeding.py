"""The command `headcount seed`: writes demo data, and recognizes a database that holds them."""

import sys

from tqdm import tqdm

import demo.seed
from documents import DOCUMENTS
from errors import StartupError
from server.clock import now
from server.commands.indexes import indexes
from server.database import SyncDatabase
from server.settings import Settings

# The collection of one document that records the demo data: their collections, and whether they
# are complete (`whole`).
_MARK = "headcount_demo"


def seed(
    database: SyncDatabase, settings: Settings, *, scale: float, number: int = 1, drop: bool = False
) -> None:
    """Writes demo data and builds the indexes, with a progress bar.

    `drop` drops the collections first. Raises `StartupError` if a collection holds documents.
    """
    names = _names(settings)
    if drop:
        for name in (*names.values(), _MARK):
            database.drop_collection(name)
    for name in names.values():
        if not _is_empty(database, name):
            raise StartupError(
                f"Collection '{name}' of database '{database.name}' holds documents: nothing was "
                "written. Name an empty database, or give --drop to delete these documents."
            )
    mark = {"_id": "seed", "scale": scale, "number": number, "collections": names}
    database[_MARK].replace_one({"_id": "seed"}, {**mark, "whole": False}, upsert=True)
    with tqdm(
        total=demo.seed.total(scale), unit=" documents", desc="Demo data", file=sys.stderr
    ) as bar:
        counts = demo.seed.seed(
            database, names, scale=scale, seed=number, now=now(), progress=bar.update
        )
        bar.total = bar.n
    list(indexes(database, settings, apply=True, covering=True))
    database[_MARK].replace_one({"_id": "seed"}, {**mark, "whole": True, "counts": counts})


def seed_once(database: SyncDatabase, settings: Settings, scale: float) -> None:
    """Writes demo data into an empty database; replaces demo data that are incomplete.

    Raises `StartupError` for incomplete demo data outside the embedded database, as another
    program may have written there since.
    """
    incomplete = database[_MARK].find_one({"_id": "seed", "whole": False}) is not None
    if incomplete and settings.mongodb_uri is not None:
        raise StartupError(
            f"The demo data of database '{database.name}' are incomplete: run 'headcount seed "
            "--drop', which deletes all documents of its collections, or name another database."
        )
    if incomplete or all(_is_empty(database, name) for name in _names(settings).values()):
        seed(database, settings, scale=scale, drop=incomplete)


def holds_demo(database: SyncDatabase, settings: Settings) -> bool:
    """Whether all documents that are read are in collections that `seed` wrote.

    A collection that is newer than the demo data is accepted while it is empty.
    """
    mark = database[_MARK].find_one({"_id": "seed", "whole": True})
    seeded = (mark or {}).get("collections", {})
    return bool(seeded) and all(
        seeded[name] == actual if name in seeded else _is_empty(database, actual)
        for name, actual in _names(settings).items()
    )


def _names(settings: Settings) -> dict[str, str]:
    """Default collection name → actual name."""
    return {name: settings.collection(name) for name in DOCUMENTS}


def _is_empty(database: SyncDatabase, collection: str) -> bool:
    return database[collection].find_one({}, {"_id": 1}) is None
