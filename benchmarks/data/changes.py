"""The command `python -m benchmarks.changes`: writes to the database at a steady rate."""

import random
import sys
import time
from typing import Any, Final

from bson import ObjectId
from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne

_BATCH: Final = 50
# The tickets of the database that are changed, besides new ones.
_SAMPLE: Final = 50_000
_SALES: Final = ("asaas", "stripe")
_TYPES: Final = ("product_view", "add_to_cart", "purchase")
_EVENTS: Final = [ObjectId() for _ in range(500)]

Write = InsertOne[dict[str, Any]] | UpdateOne | DeleteOne


def write(uri: str, name: str, rate: float, seconds: float) -> int:
    """Changes up to `rate` documents a second; returns the number of changed documents."""
    chance = random.Random(1)
    changes, started = 0, time.perf_counter()
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[name]
        sample = database["tickets"].aggregate([{"$sample": {"size": _SAMPLE}}])
        tickets: list[ObjectId] = [each["_id"] for each in sample]
        while (elapsed := time.perf_counter() - started) < seconds:
            early = changes / rate - elapsed
            if early > 0:
                time.sleep(early)
            collection, batch = _batch(chance, tickets)
            done = database[collection].bulk_write(batch, ordered=False)
            # An update of a consumed ticket changes nothing.
            changes += done.inserted_count + done.modified_count + done.deleted_count
    return changes


def _batch(chance: random.Random, tickets: list[ObjectId]) -> tuple[str, list[Write]]:
    """(collection, batch of writes): new, consumed and deleted tickets, orders, views."""
    kind = chance.random()
    if kind < 0.4 or len(tickets) < 10 * _BATCH:
        made = [_ticket(chance) for _ in range(_BATCH)]
        tickets += [each["_id"] for each in made]
        return "tickets", [InsertOne(each) for each in made]
    if kind < 0.6:
        used = {"$set": {"status": "consumed"}}
        return "tickets", [UpdateOne({"_id": chance.choice(tickets)}, used) for _ in range(_BATCH)]
    if kind < 0.65:
        gone = [tickets.pop(chance.randrange(len(tickets))) for _ in range(_BATCH)]
        return "tickets", [DeleteOne({"_id": each}) for each in gone]
    if kind < 0.8:
        return "ticket_orders", [InsertOne(_order(chance)) for _ in range(_BATCH)]
    return "analytics_events", [InsertOne(_visit(chance)) for _ in range(_BATCH)]


def _ticket(chance: random.Random) -> dict[str, Any]:
    sold = chance.random() < 0.7
    return {
        "_id": ObjectId(),
        "event_id": chance.choice(_EVENTS),
        "status": "available",
        "ticket_order_id": ObjectId() if sold else None,
        "promo_code_id": None if sold else chance.choice(_EVENTS[:60]),
    }


def _order(chance: random.Random) -> dict[str, Any]:
    return {
        "event_id": chance.choice(_EVENTS),
        "gateway": chance.choice(_SALES),
        "payment_status": "CONFIRMED",
        "payment_method": "pix",
        "amount_cents": chance.randrange(1000, 9000),
        "ticket_count": chance.randrange(1, 5),
    }


def _visit(chance: random.Random) -> dict[str, Any]:
    return {
        "event_type": chance.choice(_TYPES),
        "session_id": str(chance.randrange(10**6)),
        "product_slug": f"product-{chance.randrange(800)}",
        "price": "10.5",
        "created_at": ObjectId().generation_time,
    }


if __name__ == "__main__":
    uri, name, rate, seconds = sys.argv[1:]
    print(write(uri, name, float(rate), float(seconds)))
