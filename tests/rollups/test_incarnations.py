"""Cells of another time, replica set or collection are not followed on from, but rebuilt."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from rollups.layout.rollup import DEFAULT_ROLLUPS
from tests.commands import Mongod
from tests.rollups.follower import assert_cells_are_exact, following, states

_NAME: Final = "incarnations"
_EVENT: Final = ObjectId()

_Database = Database[dict[str, Any]]
_Dump = Mapping[str, Sequence[dict[str, Any]]]


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with Mongod(tmp_path_factory.mktemp("one"), "--replSet", "r") as mongod:
        mongod.initiate()
        yield mongod


@pytest.fixture
def database(mongod: Mongod) -> Iterator[_Database]:
    """A database with some tickets, whose cells a keeper built and brought up to date."""
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(_NAME)
        database = client[_NAME]
        database["tickets"].insert_many({"event_id": _EVENT} for _ in range(50))
        database["ticket_orders"].insert_many({"event_id": _EVENT} for _ in range(20))
        yield database


def _tickets_in(database: _Database) -> int:
    """The tickets that the stored cells count in total."""
    (state,) = (one for one in states(database) if one["rollup"].endswith(".tickets"))
    (cell,) = database[state["cells"]].find({"level": "tickets by nothing"})
    return int(cell["documents"])


def _dump(database: _Database) -> _Dump:
    """All documents, as `mongodump` writes them."""
    return {name: [*database[name].find()] for name in database.list_collection_names()}


def _restore(dump: _Dump, database: _Database, prefix: str = "") -> None:
    """Inserts all documents, with indexes of cells, as `mongorestore --drop` does."""
    for name, documents in dump.items():
        if name.startswith(prefix):
            database.drop_collection(name)
            if documents:
                database[name].insert_many(documents)


def _all(database: _Database, dump: _Dump) -> None:
    _restore(dump, database)


def _cells_alone(database: _Database, dump: _Dump) -> None:
    _restore(dump, database, "headcount_cells")


def _states_alone(database: _Database, dump: _Dump) -> None:
    _restore(dump, database, "headcount_rollups")


def _rollups_alone(database: _Database, dump: _Dump) -> None:
    _restore(dump, database, "headcount_")


def _documents_alone(database: _Database, dump: _Dump) -> None:
    _restore(dump, database, "tickets")


def _cells_dropped(database: _Database, _: _Dump) -> None:
    for name in database.list_collection_names(filter={"name": {"$regex": "^headcount_cells"}}):
        database.drop_collection(name)


def _renamed_and_back(database: _Database, _: _Dump) -> None:
    database["tickets"].rename("elsewhere")
    database["elsewhere"].insert_many({"event_id": _EVENT} for _ in range(7))
    database["elsewhere"].rename("tickets")


def _out(database: _Database, _: _Dump) -> None:
    database["tickets"].aggregate([{"$limit": 10}, {"$unset": "status"}, {"$out": "tickets"}])


def _merged(database: _Database, _: _Dump) -> None:
    copied = {"$set": {"_id": {"$concat": [{"$toString": "$_id"}, "'"]}}}
    database["tickets"].aggregate([copied, {"$merge": "tickets"}])


_EVENTS: Final[Sequence[Callable[[_Database, _Dump], None]]] = [
    _all,
    _cells_alone,
    _states_alone,
    _rollups_alone,
    _documents_alone,
    _cells_dropped,
    _renamed_and_back,
    _out,
    _merged,
]


@pytest.mark.parametrize("happens", _EVENTS)
@pytest.mark.parametrize("running", [False, True], ids=["without a keeper", "under a keeper"])
def test_cells_are_exact_after(
    happens: Callable[[_Database, _Dump], None],
    running: bool,
    database: _Database,
    mongod: Mongod,
    tmp_path: Path,
) -> None:
    with following(mongod.uri, _NAME, tmp_path):
        assert_cells_are_exact(mongod.uri, _NAME)
        dump = _dump(database)
        database["tickets"].insert_many({"event_id": _EVENT} for _ in range(5))
        database["tickets"].delete_one({})
        assert_cells_are_exact(mongod.uri, _NAME)
        if running:
            happens(database, dump)
            database["tickets"].insert_one({"event_id": _EVENT})
            assert_cells_are_exact(mongod.uri, _NAME)
            return
    happens(database, dump)
    database["tickets"].insert_one({"event_id": _EVENT})
    with following(mongod.uri, _NAME, tmp_path):
        assert_cells_are_exact(mongod.uri, _NAME)


def test_a_dump_restored_into_another_replica_set_is_not_counted_twice(
    database: _Database, mongod: Mongod, tmp_path: Path
) -> None:
    with following(mongod.uri, _NAME, tmp_path):
        assert_cells_are_exact(mongod.uri, _NAME)
        dump = _dump(database)
    (tmp_path / "other").mkdir()
    with Mongod(tmp_path / "other", "--replSet", "r") as other:
        other.initiate()
        with MongoClient[dict[str, Any]](other.uri) as client:
            _restore(dump, client[_NAME])
            with following(other.uri, _NAME, tmp_path):
                assert_cells_are_exact(other.uri, _NAME)
            assert _tickets_in(client[_NAME]) == 50


@contextmanager
def _stopped(mongod: Mongod) -> Iterator[None]:
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.admin.command("fsync")
    mongod.kill()
    try:
        yield
    finally:
        mongod.start()


def test_a_snapshot_of_the_file_system_may_go_back_in_time(tmp_path: Path) -> None:
    with Mongod(tmp_path, "--replSet", "r") as mongod:
        mongod.initiate()
        with MongoClient[dict[str, Any]](mongod.uri) as client:
            tickets = client[_NAME]["tickets"]
            tickets.insert_many({"event_id": _EVENT} for _ in range(50))
            with following(mongod.uri, _NAME, tmp_path):
                assert_cells_are_exact(mongod.uri, _NAME)
                with _stopped(mongod):
                    shutil.copytree(tmp_path / "data", tmp_path / "copy")
                tickets.insert_many({"event_id": _EVENT} for _ in range(30))
                assert_cells_are_exact(mongod.uri, _NAME)
                assert _tickets_in(client[_NAME]) == 80
                # The keeper runs on.
                with _stopped(mongod):
                    shutil.rmtree(tmp_path / "data")
                    (tmp_path / "copy").rename(tmp_path / "data")
                tickets.insert_one({"event_id": _EVENT})
                assert_cells_are_exact(mongod.uri, _NAME)
                assert _tickets_in(client[_NAME]) == 51
            assert len(states(client[_NAME])) == len(DEFAULT_ROLLUPS)
