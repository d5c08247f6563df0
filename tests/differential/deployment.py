"""The deployment under test: a replica set of three, its database, and two servers."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database

from documents import DOCUMENTS
from tests.differential import comparisons
from tests.differential.documents import RandomDocuments
from tests.differential.journal import Journal
from tests.differential.reserved import ReservedDocuments
from tests.differential.servers import Server
from tests.differential.traffic import Traffic
from tests.differential.writes import RandomWrites
from tests.forks import READ_CELLS
from tests.replica_set import ReplicaSet

Mongo = Database[dict[str, Any]]

DATABASE: Final = "differential"
FOLLOWED: Final = ("tickets", "ticket_orders", "promo_codes", "users", "analytics_events")
"""The collections that have a rollup."""

_SETTLED_SECONDS: Final = 4.0
# Documents have dates outside of Python's years.
_CODEC_OPTIONS: Final[CodecOptions[Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


@dataclass
class Replacements:
    """Times at which collections are dropped or replaced, so that no total of them holds."""

    _number: int = 0
    _ended: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """A block in which collections are replaced."""
        with self._lock:
            self._number += 1
        try:
            yield
        finally:
            with self._lock:
                self._number -= 1
                self._ended = time.monotonic()

    def none_since(self, began: float) -> bool:
        """Whether none is going on, and the last ended well before a time."""
        with self._lock:
            return not self._number and began - self._ended > _SETTLED_SECONDS


@dataclass
class Deployment:
    """What disturbances and comparisons work on."""

    folder: Path
    replica_set: ReplicaSet
    database: Mongo
    servers: Sequence[Server]
    traffic: Traffic
    reserved: ReservedDocuments
    documents: RandomDocuments
    journal: Journal
    without: frozenset[str]
    replacements: Replacements = field(default_factory=Replacements)

    def states(self) -> Sequence[Mapping[str, Any]]:
        """The state documents of all rollups."""
        return [*self.database[comparisons.STATES].find()]

    def await_members(self) -> None:
        """Waits until all members are a primary or secondaries, and all servers are ready."""
        self.replica_set.await_members()
        for server in self.servers:
            server.wait_until_ready()


@contextmanager
def deployed(
    folder: Path, seed: int, journal: Journal, without: frozenset[str]
) -> Iterator[Deployment]:
    """A new deployment with documents; everything is ended when the block is left."""
    with ExitStack() as stack:
        members = folder / "members"
        members.mkdir()
        replica_set = stack.enter_context(ReplicaSet(members, election_seconds=2))
        client: MongoClient[dict[str, Any]] = stack.enter_context(
            MongoClient(replica_set.uri, w="majority", serverSelectionTimeoutMS=60_000)
        )
        database = client.get_database(DATABASE, _CODEC_OPTIONS)
        documents = RandomDocuments(Random(f"{seed}/ids"), without)
        reserved = ReservedDocuments(Random(f"{seed}/reserved"))
        RandomWrites(database, documents, Random(f"{seed}/first")).fill()
        for name, made in reserved.documents().items():
            database[name].insert_many(made)
        create_indexes(database)
        secondary = f"{replica_set.uri}&readPreference=secondaryPreferred"
        servers = [
            # The first reads all that it can from cells, the second whichever is cheaper.
            Server("server 1", folder, replica_set.uri, DATABASE, journal, **READ_CELLS),
            Server("server 2", folder, secondary, DATABASE, journal),
        ]
        for server in servers:
            stack.callback(server.close)
            server.start()
        traffic = _traffic(database, documents, reserved, seed, journal)
        stack.callback(traffic.end)
        yield Deployment(
            folder, replica_set, database, servers, traffic, reserved, documents, journal, without
        )


def create_indexes(database: Mongo) -> None:
    """Creates the indexes that the documents declare."""
    for name, document in DOCUMENTS.items():
        if indexes := getattr(document.Settings, "indexes", None):
            database[name].create_indexes(indexes)


def _traffic(
    database: Mongo,
    documents: RandomDocuments,
    reserved: ReservedDocuments,
    seed: int,
    journal: Journal,
) -> Traffic:
    moves = Random(f"{seed}/moves")

    def move() -> str:
        with database.client.start_session() as session:
            reserved.move(database, session, moves)
        return "transaction that moves reserved documents"

    writes = {
        f"writer {number}": RandomWrites(
            database, documents, Random(f"{seed}/writer {number}")
        ).write
        for number in (1, 2)
    }
    return Traffic(journal, {**writes, "mover": move}, str(seed))
