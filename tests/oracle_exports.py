"""The oracle of the events dashboard's files: computes their contents by brute force."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import ANY

from bson import ObjectId

from tests import oracle
from tests.oracle import Data, Document

_NAMES = {
    "event_id": "eventId",
    "title": "title",
    "event_type": "eventType",
    "event_date": "eventDate",
    "location": "location",
    "capacity": "capacity",
    "tickets_issued": "ticketsIssued",
    "ticket_status": "ticketStatus",
    "tickets_sold": "ticketsSold",
    "tickets_promo": "ticketsPromo",
    "revenue": "revenue",
    "orders_count": "ordersCount",
    "occupancy_pct": "occupancyPct",
    "is_active": "isActive",
    "is_sale_box_office": "isSaleBoxOffice",
}


def events(
    data: Data, *, event_type: str | None = None, active_only: bool = False
) -> list[dict[str, Any]]:
    """The JSON file's events, each with its tickets."""
    found = oracle.event_stats(data, limit=500, event_type=event_type, active_only=active_only)
    ids = {str(event["_id"]): event["_id"] for event in data.get("events", ())}
    codes = {
        oracle.bson_key(code["_id"]): oracle.text_of(code.get("code")) or ""
        for code in data.get("promo_codes", ())
    }
    return [
        {name: row[shown] for name, shown in _NAMES.items()}
        | {"tickets": _tickets(data, ids[row["eventId"]], codes)}
        for row in found["events"]
    ]


def _tickets(data: Data, event_id: Any, codes: Mapping[Any, str]) -> list[dict[str, Any]]:
    key = oracle.bson_key(event_id)
    mine = [t for t in data.get("tickets", ()) if oracle.bson_key(t.get("event_id")) == key]
    live = [ticket for ticket in mine if not oracle._is_deleted(ticket)]
    return [_ticket(ticket, codes) for ticket in oracle._in_id_order(live)]


def _ticket(ticket: Document, codes: Mapping[Any, str]) -> dict[str, Any]:
    origin = oracle._origin(ticket)
    code = codes.get(oracle.bson_key(ticket.get("promo_code_id")))
    customer = ticket.get("customer_id")
    return {
        "ticket_id": str(ticket["_id"]),
        "customer_id": None if customer is None else _id(customer),
        "status": oracle.text_of(ticket.get("status")) or "",
        "promo_code": code if origin == "promo" else None,
        "order_id": _id(ticket["ticket_order_id"]) if origin == "sold" else None,
        "created_at": oracle.iso_of(ticket.get("created_at")),
        "consumed_at": oracle.iso_of(ticket.get("consumed_at")),
    }


def _id(value: object) -> Any:
    """The text of an id; `ANY` for a type for which the contract specifies no text."""
    return str(value) if isinstance(value, ObjectId | str) else ANY
