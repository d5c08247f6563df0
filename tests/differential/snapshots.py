"""Snapshots: all documents as of one cluster time, for the oracle."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import bson
from bson import Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import WriteConcern
from pymongo.database import Database

from documents.reads import AsOf
from tests.differential.documents import SIZES

Mongo = Database[dict[str, Any]]

_DECODED: Final[CodecOptions[Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass(frozen=True)
class Snapshot:
    """The documents of some collections as of a cluster time."""

    time: Timestamp
    data: Mapping[str, Sequence[Mapping[str, Any]]]
    digest: str
    """Equal for equal documents."""


def now(database: Mongo) -> Timestamp:
    """A cluster time after all writes so far, and before all later ones."""
    with database.client.start_session() as session:
        database.get_collection("marks", write_concern=WriteConcern("majority")).update_one(
            {"_id": "mark"}, {"$inc": {"number": 1}}, upsert=True, session=session
        )
        time = session.operation_time
    assert time is not None
    return time


def read(database: Mongo, time: Timestamp, *names: str) -> Snapshot:
    """The documents as of a cluster time, by default of all collections."""
    digest = hashlib.sha256()
    data: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name in names or SIZES:
        collection: Any = database.get_collection(
            name, codec_options=DEFAULT_RAW_BSON_OPTIONS, read_concern=AsOf(time)
        )
        found = sorted(each.raw for each in collection.find())
        digest.update(b"".join((name.encode(), *found)))
        data[name] = [bson.decode(raw, _DECODED) for raw in found]
    return Snapshot(time, data, digest.hexdigest())


def times_of_writes(database: Mongo, since: Timestamp) -> list[tuple[Timestamp, datetime]]:
    """(cluster time, the server's clock) of each write of the replica set, the newest first."""
    oplog = database.client.get_database("local", CodecOptions(tz_aware=True))["oplog.rs"]
    found = oplog.find({"ts": {"$gte": since}}, {"ts": 1, "wall": 1}).sort("$natural", -1)
    return [(each["ts"], each["wall"]) for each in found]
