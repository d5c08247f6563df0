"""The reference implementation: joins all tickets and orders to each event, and counts them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

Stage = Mapping[str, Any]
Database = AsyncDatabase[dict[str, Any]]
Reference = Callable[[Database], Awaitable[Any]]
"""Computes the result of an operation, with the names of GraphQL."""

_PAID: Final = ["CONFIRMED", "RECEIVED", "succeeded"]
_IN_THE_SYSTEM: Final = {
    "$and": [
        {"$ne": ["$$this.wallet.status", "DELETED"]},
        {"$ne": [{"$type": "$$this.wallet.deleted_at"}, "date"]},
    ]
}
_SOLD: Final = {"$gt": ["$$this.ticket_order_id", None]}
_PROMO: Final = {"$and": [{"$gt": ["$$this.promo_code_id", None]}, {"$not": _SOLD}]}


def _join(collection: str) -> Stage:
    join = {"from": collection, "localField": "_id", "foreignField": "event_id", "as": collection}
    return {"$lookup": join}


def _of(collection: str, condition: Any) -> Any:
    return {"$filter": {"input": f"${collection}", "cond": condition}}


def _tickets(condition: Any) -> Any:
    return {"$size": _of("tickets", condition)}


_STATS: Final[Sequence[Stage]] = [
    _join("tickets"),
    _join("ticket_orders"),
    {
        "$set": {
            "tickets": _of("tickets", _IN_THE_SYSTEM),
            "ticket_orders": _of("ticket_orders", {"$in": ["$$this.payment_status", _PAID]}),
        }
    },
    {
        "$project": {
            "_id": 0, "eventId": {"$toString": "$_id"}, "title": 1, "eventType": "$event_type",
            "eventDate": "$event_date", "location": 1, "capacity": 1, "isActive": "$is_active",
            "isSaleBoxOffice": "$is_sale_box_office",
            "ticketsIssued": {"$size": "$tickets"},
            "ticketsSold": _tickets(_SOLD),
            "ticketsPromo": _tickets(_PROMO),
            "ticketStatus": {
                status: _tickets({"$eq": ["$$this.status", status]})
                for status in ("available", "consumed", "expired")
            },
            "revenue": {"$sum": "$ticket_orders.amount_cents"},
            "ordersCount": {"$size": "$ticket_orders"},
        }
    },
]  # fmt: skip


async def event_stats(database: Database, *, limit: int, by_revenue: bool = False) -> Any:
    """`eventStats`: the first page, newest events or highest revenue first."""
    order = {"revenue": -1, "eventId": 1} if by_revenue else {"event_date": -1, "_id": 1}
    page: list[Stage] = [{"$sort": order}, {"$limit": limit}]
    stages = [*_STATS, *page] if by_revenue else [*page, *_STATS]
    total = await database["events"].count_documents({})
    cursor = await database["events"].aggregate(stages, allowDiskUse=True)
    return {"total": total, "events": [_row(found) async for found in cursor]}


async def event(key: Any, database: Database) -> Any:
    """`event`."""
    cursor = await database["events"].aggregate([{"$match": {"_id": key}}, *_STATS])
    return _row(await cursor.next())


def _row(found: dict[str, Any]) -> Any:
    issued = found["ticketsIssued"]
    return found | {
        "eventDate": found["eventDate"].isoformat(timespec="milliseconds"),
        "ticketsAdmin": issued - found["ticketsSold"] - found["ticketsPromo"],
        "revenue": found["revenue"] / 100,
        "occupancyPct": ratio(100 * issued, found["capacity"], 1),
    }


def _breakdown(key: str) -> Sequence[Stage]:
    numbers = {"count": 1, "cents": "$amount_cents", "tickets": "$ticket_count"}
    sums = {name: {"$sum": number} for name, number in numbers.items()}
    group = {"_id": {"$ifNull": [key, "unknown"]}, **sums}
    return [{"$group": group}, {"$sort": {"count": -1, "_id": 1}}]


_BREAKDOWNS: Final = {
    "byStatus": _breakdown("$payment_status"),
    "byGateway": _breakdown("$gateway"),
    "byPaymentMethod": _breakdown("$payment_method"),
}


async def order_stats(database: Database) -> Any:
    """`orderStats`, by a `$facet` of three groups."""
    cursor = await database["ticket_orders"].aggregate([{"$facet": _BREAKDOWNS}])
    found = await cursor.next()
    groups = found["byStatus"]
    orders, cents, tickets = (sum(g[key] for g in groups) for key in ("count", "cents", "tickets"))
    totals = {
        "totalOrders": orders,
        "totalRevenue": cents / 100,
        "confirmedRevenue": sum(g["cents"] for g in groups if g["_id"] in _PAID) / 100,
        "avgOrderValue": ratio(cents, 100 * orders, 2),
        "avgTicketsPerOrder": ratio(tickets, orders, 2),
    }
    return totals | {
        name: [
            {"key": g["_id"], "count": g["count"], "totalAmount": g["cents"] / 100} for g in groups
        ]
        for name, groups in found.items()
    }


def ratio(numerator: int | Decimal, denominator: int, places: int) -> float:
    """numerator / denominator, rounded half-even; 0 for a zero denominator."""
    return float(round(Decimal(numerator) / denominator, places)) if denominator else 0.0
