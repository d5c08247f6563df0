"""The cubes and the table of `tickets`. Deleted tickets have left the system."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, cell_key, date, key_text, one_if, present, text
from cubes.rows import Table
from documents.ticket import Ticket

IN_THE_SYSTEM: Final = {
    "$and": [
        {"$ne": ["$wallet.status", "DELETED"]},
        {"$ne": [{"$type": "$wallet.deleted_at"}, "date"]},
    ]
}

_SOLD = present("$ticket_order_id")
_PROMO = present("$promo_code_id")
ORIGIN: Final = {"$cond": [_SOLD, "sold", {"$cond": [_PROMO, "promo", "admin"]}]}
"""The origin of a ticket: its order, else its promo code, else an admin."""

_STATUS: Final = text("$status", UNKNOWN)

TICKET_ROWS: Final = Table(
    source=Ticket,
    columns={
        "ticket_id": key_text("$_id"),
        "customer_id": key_text("$customer_id"),
        "status": text("$status", ""),
        "promo_code_id": {"$cond": [{"$eq": [ORIGIN, "promo"]}, "$promo_code_id", None]},
        "order_id": {"$cond": [_SOLD, key_text("$ticket_order_id"), None]},
        "created_at": date("$created_at"),
        "consumed_at": date("$consumed_at"),
    },
)
"""Tickets one by one. `promo_code_id` and `order_id` are set only if they are the origin."""

TICKETS: Final = Cube(
    name="tickets",
    source=Ticket,
    where=IN_THE_SYSTEM,
    dimensions={"event": cell_key("$event_id")},
    measures={
        "tickets": 1,
        **{origin: one_if({"$eq": [ORIGIN, origin]}) for origin in ("sold", "promo", "admin")},
        **{
            status: one_if({"$eq": [_STATUS, status]})
            for status in ("available", "consumed", "expired")
        },
    },
    rollup_levels=[frozenset({"event"}), frozenset()],
)
"""Tickets, with a measure for each origin and status: so an event is one cell."""

PROMO_TICKETS: Final = Cube(
    name="promo tickets",
    source=Ticket,
    where={"$and": [_PROMO, {"$not": [_SOLD]}, IN_THE_SYSTEM]},
    dimensions={"promo_code": cell_key("$promo_code_id")},
    measures={"tickets": 1},
    rollup_levels=[frozenset({"promo_code"}), frozenset()],
)
