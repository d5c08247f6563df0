"""The data as operators handle them: demo data, and the indexes that the queries want."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from tqdm import tqdm

import demo.seed
from documents import DOCUMENTS
from errors import StartupError
from server.clock import now
from server.database import options, unreachable
from server.embedded.mongod import embedded_mongod
from server.settings import Settings

_log = structlog.get_logger(__name__)

Mongo = Database[dict[str, Any]]

FOLDER = Path(".headcount")
"""Where the embedded database, and the demo's secret, are kept."""

# Says that demo data are being written, and then that they are whole.
_MARK = "headcount_demo"


@contextmanager
def address(settings: Settings) -> Iterator[str]:
    """The URI of the database: the configured one, or that of an embedded one, started here."""
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri.get_secret_value()
        return
    with embedded_mongod(FOLDER, on_death=_orphaned) as uri:
        yield uri


def _orphaned(code: int) -> None:
    # Nothing can be answered any more: a start anew, which recovers the data, is the way back.
    _log.error(
        "the embedded MongoDB has ended: so does the server",
        code=code,
        log=str(FOLDER / "mongod.log"),
    )
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def opened(settings: Settings) -> Iterator[Mongo]:
    """The configured, or the embedded, database."""
    with address(settings) as uri, opened_at(uri, settings) as database:
        yield database


@contextmanager
def opened_at(uri: str, settings: Settings) -> Iterator[Mongo]:
    """The database at an address; raises `StartupError` where it can't be reached."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(MongoClient[dict[str, Any]](uri, **options(uri)))
            client.admin.command("ping")
        except (PyMongoError, ValueError, OSError) as error:
            raise unreachable(error) from error
        yield client[settings.database]


def seed(
    database: Mongo, settings: Settings, *, scale: float, number: int = 1, drop: bool = False
) -> None:
    """Writes demo data, with a progress bar.

    Raises `StartupError` where there are documents already, unless they may be dropped.
    """
    names = {name: settings.collection(name) for name in DOCUMENTS}
    if drop:
        for name in (*names.values(), _MARK):
            database.drop_collection(name)
    for name in names.values():
        if database[name].find_one({}, {"_id": 1}) is not None:
            raise StartupError(
                f"Collection '{name}' of database '{database.name}' holds documents: nothing was "
                "written. Name an empty database, or give --drop to lose what is there."
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
    list(indexes(database, settings, apply=True))
    database[_MARK].replace_one({"_id": "seed"}, {**mark, "whole": True, "counts": counts})


def seed_once(database: Mongo, settings: Settings, scale: float) -> None:
    """Writes demo data unless there are documents; demo data half written are written anew.

    Raises `StartupError` where these are in a database that is not the embedded one: somebody else
    may have written there since.
    """
    half = database[_MARK].find_one({"_id": "seed", "whole": False}) is not None
    if half and settings.mongodb_uri is not None:
        raise StartupError(
            f"The demo data of database '{database.name}' are half written: run "
            "'headcount seed --drop', which drops all that its collections hold, or name another."
        )
    empty = all(
        database[settings.collection(name)].find_one({}, {"_id": 1}) is None for name in DOCUMENTS
    )
    if half or empty:
        seed(database, settings, scale=scale, drop=half)


def holds_demo(database: Mongo, settings: Settings) -> bool:
    """Whether demo data were written here, into just the collections that are read."""
    mark = database[_MARK].find_one({"_id": "seed", "whole": True})
    names = {name: settings.collection(name) for name in DOCUMENTS}
    return mark is not None and mark.get("collections") == names


def indexes(database: Mongo, settings: Settings, *, apply: bool) -> Iterator[str]:
    """A line for each index that the queries want; builds the missing ones, if asked to."""
    for name, document in DOCUMENTS.items():
        collection = database[settings.collection(name)]
        there = [list(index["key"].items()) for index in collection.list_indexes()]
        for wanted in getattr(document.Settings, "indexes", ()):
            keys = list(wanted.document["key"].items())
            missing = keys not in there
            if missing and apply:
                collection.create_indexes([wanted])
            state = "missing" if missing and not apply else "built" if missing else "there"
            yield f"{collection.name} {dict(keys)}: {state}"
