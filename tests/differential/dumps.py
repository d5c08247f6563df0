"""Dumps of a database, and their restoring, as mongodump and mongorestore do it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bson import Timestamp
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import WriteConcern
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from documents.reads import AsOf

Mongo = Database[dict[str, Any]]

_BATCH: Final = 1_000
# What `listCollections` says and `create` does not accept.
_NOT_OPTIONS: Final = frozenset({"uuid"})
_DUPLICATE_KEY: Final = 11000
_NAMESPACE_EXISTS: Final = 48


@dataclass(frozen=True)
class DumpedCollection:
    """A collection's options, indexes and documents."""

    name: str
    options: Mapping[str, Any]
    indexes: Sequence[Mapping[str, Any]]
    documents: Sequence[Any]


@dataclass(frozen=True)
class Dump:
    """All collections of a database, those of rollups too."""

    collections: Sequence[DumpedCollection]

    def without_rollups(self) -> "Dump":
        """The collections of documents alone."""
        return Dump([each for each in self.collections if not each.name.startswith("headcount_")])

    def restore(self, database: Mongo, chance: Random, *, drop: bool) -> None:
        """Writes all collections, in a random order.

        Without `drop`, documents that exist stay as they are, as mongorestore leaves them.
        """
        for dumped in chance.sample(self.collections, len(self.collections)):
            if drop:
                database.drop_collection(dumped.name)
            try:
                database.create_collection(dumped.name, check_exists=False, **dumped.options)
            except OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:
                    raise
            _insert(database, dumped)
            for index in dumped.indexes:
                keys = [*index["key"].items()]
                options = {name: index[name] for name in index if name not in {"key", "v"}}
                # A keeper may drop cells that are being restored.
                with suppress(OperationFailure):
                    database[dumped.name].create_index(keys, **options)


def dump(database: Mongo, time: Timestamp | None = None) -> Dump:
    """All collections as of a cluster time, or one after the other as of the time of its read."""
    return Dump(
        [
            DumpedCollection(
                info["name"],
                {
                    name: value
                    for name, value in info.get("options", {}).items()
                    if name not in _NOT_OPTIONS
                },
                [
                    index
                    for index in database[info["name"]].list_indexes()
                    if index["name"] != "_id_"
                ],
                _documents(database, info["name"], time),
            )
            for info in database.list_collections()
            if info["type"] == "collection" and not info["name"].startswith("system.")
        ]
    )


def _documents(database: Mongo, name: str, time: Timestamp | None) -> Sequence[Any]:
    # Documents stay encoded: PyMongo would read the type undefined as null.
    raw: Any = database.get_collection(name, codec_options=DEFAULT_RAW_BSON_OPTIONS)
    if time is not None:
        raw = raw.with_options(read_concern=AsOf(time))
    return [*raw.find()]


def _insert(database: Mongo, dumped: DumpedCollection) -> None:
    target: Any = database.get_collection(
        dumped.name,
        codec_options=DEFAULT_RAW_BSON_OPTIONS,
        write_concern=WriteConcern("majority"),
    )
    for start in range(0, len(dumped.documents), _BATCH):
        try:
            target.insert_many(dumped.documents[start : start + _BATCH], ordered=False)
        except BulkWriteError as error:
            codes = {each["code"] for each in (error.details or {})["writeErrors"]}
            if codes != {_DUPLICATE_KEY}:
                raise
