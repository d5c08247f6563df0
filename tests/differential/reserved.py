"""Reserved documents: transactions move them between keys, and their totals never change."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from documents.reads import AsOf
from tests.differential import snapshots

Mongo = Database[dict[str, Any]]

_KEY: Final = "reserved"
_GROUPS: Final = 100
_TICKETS: Final = 500
_ORDERS: Final = 200
_CENTS: Final = 10_000
_COMPLETED: Final = 60

EVENT_TYPE: Final = "order_completed"
"""The type of the reserved analytics events, which no other event has."""

QUERY: Final = f"""{{
  eventStats(eventType: "{_KEY}", limit: 500) {{ events {{
    ticketsIssued ticketsPromo revenue ordersCount
  }} }}
  promoCodeStats {{ byType {{ codeType total ticketsGenerated }} }}
  orderStats {{ byGateway {{ key count totalAmount }} }}
  dashboardStats {{ orderCompletedCount eventsTimeline {{ orderCompleted }} }}
}}"""


class ReservedDocuments:
    """Documents that no random write touches, and the totals that an answer must show of them."""

    def __init__(self, chance: Random) -> None:
        def ids(number: int) -> list[ObjectId]:
            return [ObjectId(chance.randbytes(12)) for _ in range(number)]

        self._events, self._codes = ids(_GROUPS), ids(_GROUPS)
        self._tickets, self._orders = ids(_TICKETS), ids(_ORDERS)
        self._completed = ids(_COMPLETED)
        self._chance = chance

    def documents(self) -> Mapping[str, list[dict[str, Any]]]:
        """The documents of each collection, as they are at first."""
        return {
            "events": [{"_id": each, "event_type": _KEY} for each in self._events],
            "promo_codes": [{"_id": each, "code_type": _KEY} for each in self._codes],
            "tickets": [
                {
                    "_id": each,
                    "event_id": self._events[number % _GROUPS],
                    "promo_code_id": self._codes[number % _GROUPS] if number % 2 else None,
                }
                for number, each in enumerate(self._tickets)
            ],
            "ticket_orders": [
                {
                    "_id": each,
                    "event_id": self._events[number % _GROUPS],
                    "gateway": _KEY,
                    "payment_status": "CONFIRMED",
                    "amount_cents": _CENTS,
                }
                for number, each in enumerate(self._orders)
            ],
            "analytics_events": [
                {"_id": each, "event_type": EVENT_TYPE, "created_at": _time(self._chance)}
                for each in self._completed
            ],
        }

    def move(self, database: Mongo, session: ClientSession, chance: Random) -> None:
        """Moves tickets to other events and codes, and cents between orders, in a transaction."""
        with session.start_transaction():
            some = chance.sample(self._tickets, chance.randrange(2, 60))
            database["tickets"].update_many(
                {"_id": {"$in": some}},
                {"$set": {"event_id": chance.choice(self._events)}},
                session=session,
            )
            database["tickets"].update_many(
                {"_id": {"$in": some}, "promo_code_id": {"$ne": None}},
                {"$set": {"promo_code_id": chance.choice(self._codes)}},
                session=session,
            )
            for each in chance.sample(self._completed, chance.randrange(1, 12)):
                database["analytics_events"].update_one(
                    {"_id": each}, {"$set": {"created_at": _time(chance)}}, session=session
                )
            cents = chance.randrange(1, 500)
            changed = [
                database["ticket_orders"].update_one(
                    {"_id": order},
                    {
                        "$inc": {"amount_cents": sign * cents},
                        "$set": {"event_id": chance.choice(self._events)},
                    },
                    session=session,
                )
                for order, sign in zip(chance.sample(self._orders, 2), (1, -1), strict=True)
            ]
            # While the collection is dropped or renamed, the orders are not there.
            if any(not each.modified_count for each in changed):
                session.abort_transaction()

    def restore_total(self, database: Mongo) -> None:
        """Makes the total of the cents right again, after documents were read and written back.

        To dump a collection, or to replace it by `$out`, reads its documents while a transaction
        moves cents: one of the two orders may be of before it, the other of after it.
        """
        orders = database["ticket_orders"]
        reading = orders.with_options(read_concern=AsOf(snapshots.now(database)))
        found = [*reading.find({"_id": {"$in": self._orders}})]
        excess = sum(each["amount_cents"] for each in found) - _CENTS * len(found)
        if excess:
            orders.update_one({"_id": self._orders[0]}, {"$inc": {"amount_cents": -excess}})


def differing_totals(answer: Mapping[str, Any], live: frozenset[str]) -> Iterator[str]:
    """What an answer to `QUERY` says wrongly of the totals, without the cubes that are `live`."""
    rows = answer["eventStats"]["events"]
    codes = [each for each in answer["promoCodeStats"]["byType"] if each["codeType"] == _KEY]
    orders = [each for each in answer["orderStats"]["byGateway"] if each["key"] == _KEY]
    cents = _ORDERS * _CENTS
    dashboard = answer["dashboardStats"]
    days = sum(day["orderCompleted"] for day in dashboard["eventsTimeline"])
    for cube, name, found, expected in (
        ("tickets", "ticketsIssued", sum(row["ticketsIssued"] for row in rows), _TICKETS),
        ("tickets", "ticketsPromo", sum(row["ticketsPromo"] for row in rows), _TICKETS // 2),
        ("orders", "ordersCount", sum(row["ordersCount"] for row in rows), _ORDERS),
        ("orders", "revenue in cents", _cents(row["revenue"] for row in rows), cents),
        ("orders", "byGateway count", sum(each["count"] for each in orders), _ORDERS),
        (
            "orders",
            "byGateway totalAmount in cents",
            _cents(each["totalAmount"] for each in orders),
            cents,
        ),
        (
            "promo tickets",
            "ticketsGenerated",
            sum(each["ticketsGenerated"] for each in codes),
            _TICKETS // 2,
        ),
        ("behaviour", "orderCompletedCount", dashboard["orderCompletedCount"], _COMPLETED),
        ("behaviour", "eventsTimeline orderCompleted", days, _COMPLETED),
    ):
        if found != expected and cube not in live:
            yield f"{name} is {found}, not {expected}"


def _time(chance: Random) -> datetime:
    """Within the seven days of a window, and often in the part that is counted live."""
    most = chance.choice([timedelta(minutes=20), timedelta(days=6, hours=12)])
    return datetime.now(UTC) - timedelta(seconds=1) - chance.random() * most


def _cents(amounts: Iterator[float]) -> int:
    return int(sum(Decimal(str(each)) for each in amounts) * 100)
