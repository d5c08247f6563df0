"""Random writes of all kinds: single and in bulk, in transactions, by pipelines."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from pymongo import (
    DeleteMany,
    DeleteOne,
    InsertOne,
    ReplaceOne,
    UpdateMany,
    UpdateOne,
    WriteConcern,
)
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from tests.differential.documents import SIZES, RandomDocuments, encoded

Mongo = Database[dict[str, Any]]
_Session = ClientSession | None
_Write = Callable[["RandomWrites", _Session], object]

# How often a collection is chosen.
_WEIGHTS: Final[Mapping[str, int]] = {
    "events": 1,
    "tickets": 6,
    "ticket_orders": 6,
    "promo_codes": 2,
    "users": 3,
    "products": 1,
    "analytics_events": 5,
}
# The field whose change moves a document to another cell.
_KEYS: Final[Mapping[str, str]] = {
    "events": "event_type",
    "tickets": "event_id",
    "ticket_orders": "event_id",
    "promo_codes": "code_type",
    "users": "role",
    "products": "is_active",
    "analytics_events": "event_type",
}
_LONG_TEXT: Final = 2_000


class RandomWrites:
    """Makes one random write at a time; `chance` decides everything about it."""

    def __init__(self, database: Mongo, documents: RandomDocuments, chance: Random) -> None:
        self._database = database
        self._documents = documents
        self._chance = chance

    def write(self) -> str:
        """Writes once, and returns the kind; raises PyMongo's errors."""
        kind = self._chance.choices([*_KINDS], [weight for weight, _ in _KINDS.values()])[0]
        _KINDS[kind][1](self, None)
        return kind

    def fill(self) -> None:
        """Inserts three of four documents of each collection."""
        for name, ids in self._documents.ids.items():
            made: list[Any] = [
                encoded({"_id": each, **self._documents.make(name, self._chance)})
                for each in ids[: 3 * len(ids) // 4]
            ]
            self._database[name].insert_many(made)

    # ------------------------------------------------------------ parts

    def _collection(self) -> Collection[dict[str, Any]]:
        name = self._chance.choices([*_WEIGHTS], [*_WEIGHTS.values()])[0]
        return self._database.get_collection(name)

    def _unacknowledged_by_majority(self) -> Collection[dict[str, Any]]:
        """A collection; half of the writes wait for the primary only."""
        concern = WriteConcern(1) if self._chance.random() < 0.5 else WriteConcern("majority")
        return self._collection().with_options(write_concern=concern)

    def _target(self, session: _Session) -> Collection[dict[str, Any]]:
        # A transaction has the write concern of its commit.
        return self._collection() if session else self._unacknowledged_by_majority()

    def _id(self, name: str) -> dict[str, Any]:
        return {"_id": self._chance.choice(self._documents.ids[name])}

    def _some(self, name: str, most: int) -> dict[str, Any]:
        ids = self._documents.ids[name]
        number = self._chance.randrange(1, min(most, len(ids)) + 1)
        return {"_id": {"$in": self._chance.sample(ids, number)}}

    def _made(self, name: str) -> Mapping[str, Any]:
        return self._documents.make(name, self._chance)

    def _new(self, name: str) -> Any:
        return encoded({**self._id(name), **self._made(name)})

    def _change(self, name: str) -> Any:
        """An update of some fields: set, unset, incremented, or by a pipeline."""
        chance, made = self._chance, self._made(name)
        fields = chance.sample([*made], chance.randrange(1, len(made) + 1))
        how = chance.randrange(8)
        if how == 0:
            return {"$unset": dict.fromkeys(fields[:2], "")}
        if how == 1 and name == "ticket_orders":
            return {"$inc": {"amount_cents": chance.choice([1, -7, 0.5])}}
        if how == 2:
            # Changes only a field that no cube reads.
            return {"$set": {"note": chance.random()}}
        if how == 3:
            return [{"$set": {_KEYS[name]: {"$ifNull": ["$note", {"$literal": fields[0]}]}}}]
        return {"$set": encoded({field: made[field] for field in fields})}

    def _move(self, name: str) -> Any:
        key = _KEYS[name]
        made = self._made(name)
        return {"$set": encoded({key: made[key]})} if key in made else {"$unset": {key: ""}}

    # ------------------------------------------------------------ kinds

    def _insert(self, session: _Session) -> None:
        target = self._target(session)
        target.insert_one(self._new(target.name), session=session)

    def _insert_many(self, session: _Session) -> None:
        target, chance = self._target(session), self._chance
        ids = chance.sample(self._documents.ids[target.name], chance.randrange(1, 20))
        new = [encoded({"_id": each, **self._made(target.name)}) for each in ids]
        target.insert_many(new, ordered=chance.random() < 0.3, session=session)

    def _update(self, session: _Session) -> None:
        target = self._target(session)
        upsert = self._chance.random() < 0.5
        by_id, change = self._id(target.name), self._change(target.name)
        target.update_one(by_id, change, upsert=upsert, session=session)

    def _update_many(self, session: _Session) -> None:
        target = self._target(session)
        some, change = self._some(target.name, 40), self._change(target.name)
        target.update_many(some, change, session=session)

    def _move_many(self, session: _Session) -> None:
        target = self._target(session)
        some, move = self._some(target.name, 60), self._move(target.name)
        target.update_many(some, move, session=session)

    def _replace(self, session: _Session) -> None:
        target = self._target(session)
        by_id = self._id(target.name)
        new = encoded({**by_id, **self._made(target.name)})
        target.replace_one(by_id, new, upsert=self._chance.random() < 0.8, session=session)

    def _delete(self, session: _Session) -> None:
        target = self._target(session)
        target.delete_one(self._id(target.name), session=session)

    def _delete_many(self, session: _Session) -> None:
        target = self._target(session)
        target.delete_many(self._some(target.name, 25), session=session)

    def _find_and_modify(self, session: _Session) -> None:
        target, chance = self._target(session), self._chance
        by_id = self._id(target.name)
        how = chance.randrange(3)
        if how == 0:
            change = self._change(target.name)
            target.find_one_and_update(by_id, change, upsert=True, session=session)
        elif how == 1:
            new = encoded({**by_id, **self._made(target.name)})
            target.find_one_and_replace(by_id, new, upsert=True, session=session)
        else:
            target.find_one_and_delete(by_id, session=session)

    def _bulk(self, session: _Session) -> None:
        target, chance = self._target(session), self._chance
        name = target.name
        made: list[Callable[[], Any]] = [
            lambda: InsertOne(self._new(name)),
            lambda: ReplaceOne(by_id := self._id(name), {**by_id, "note": 1}, upsert=True),
            lambda: UpdateOne(self._id(name), self._change(name), upsert=True),
            lambda: UpdateMany(self._some(name, 20), self._move(name)),
            lambda: DeleteOne(self._id(name)),
            lambda: DeleteMany(self._some(name, 5)),
        ]
        requests = [chance.choice(made)() for _ in range(chance.randrange(2, 25))]
        target.bulk_write(requests, ordered=chance.random() < 0.5, session=session)

    def _merge(self, session: _Session) -> None:
        """`$merge` of a collection's own documents, or of new ones."""
        target, chance = self._collection(), self._chance
        name = target.name
        into = {
            "into": name,
            "whenMatched": chance.choice(["merge", "replace", "keepExisting"]),
            "whenNotMatched": chance.choice(["insert", "discard"]),
        }
        if chance.random() < 0.5:
            key = _KEYS[name]
            moved = {key: {"$literal": value}} if (value := self._made(name).get(key)) else {}
            stages = [{"$match": self._some(name, 40)}, {"$set": {"note": 2, **_encodable(moved)}}]
            target.aggregate([*stages, {"$merge": into}])
            return
        new = [self._new(name) for _ in range(chance.randrange(1, 15))]
        # Values that are not literal would run as expressions.
        documents = {"$literal": [each for each in new if isinstance(each, dict)]}
        self._database.aggregate([{"$documents": documents}, {"$merge": into}])

    def _transaction(self, session: _Session) -> None:
        chance = self._chance
        with self._database.client.start_session() as session, session.start_transaction():
            for _ in range(chance.randrange(2, 8)):
                chance.choice(_IN_TRANSACTIONS)(self, session)
            if chance.random() < 0.2:
                session.abort_transaction()

    def _large_transaction(self, session: _Session) -> None:
        """Moves all documents of two collections, sometimes to keys of megabytes."""
        chance = self._chance
        with self._database.client.start_session() as session, session.start_transaction():
            for name in chance.sample(["tickets", "ticket_orders", "users", "analytics_events"], 2):
                some = self._some(name, SIZES[name])
                change = self._move(name)
                if chance.random() < 0.3:
                    long = f"{chance.choice('ab') * _LONG_TEXT}"
                    change = [{"$set": {_TEXTS[name]: {"$concat": [long, {"$toString": "$_id"}]}}}]
                self._database[name].update_many(some, change, session=session)


# A text that is a key of cells.
_TEXTS: Final[Mapping[str, str]] = {
    "tickets": "promo_code_id",
    "ticket_orders": "gateway",
    "users": "role",
    "analytics_events": "product_slug",
}


def _encodable(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields, or none if one has a value that PyMongo can't encode."""
    return fields if all(type(each["$literal"]) is not object for each in fields.values()) else {}


# Kind → (how often it is chosen, the write).
_KINDS: Final[Mapping[str, tuple[float, _Write]]] = {
    "insert": (6, RandomWrites._insert),
    "insertMany": (3, RandomWrites._insert_many),
    "update": (8, RandomWrites._update),
    "updateMany": (2, RandomWrites._update_many),
    "updateMany to another key": (3, RandomWrites._move_many),
    "replace": (6, RandomWrites._replace),
    "delete": (4, RandomWrites._delete),
    "deleteMany": (1, RandomWrites._delete_many),
    "findAndModify": (4, RandomWrites._find_and_modify),
    "bulkWrite": (3, RandomWrites._bulk),
    "$merge": (1, RandomWrites._merge),
    "transaction": (4, RandomWrites._transaction),
    "large transaction": (0.3, RandomWrites._large_transaction),
}
_IN_TRANSACTIONS: Final[list[_Write]] = [
    RandomWrites._insert,
    RandomWrites._update,
    RandomWrites._update_many,
    RandomWrites._move_many,
    RandomWrites._replace,
    RandomWrites._delete,
    RandomWrites._find_and_modify,
    RandomWrites._bulk,
]
