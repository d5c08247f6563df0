"""What can be counted in `tickets`. A deleted ticket has left the system and counts nowhere."""

from typing import Final

from cubes.cube import Cube
from cubes.reading import UNKNOWN, one_if, present, text
from documents import Ticket

IN_THE_SYSTEM: Final = {
    "$and": [
        {"$ne": ["$wallet.status", "DELETED"]},
        {"$ne": [{"$type": "$wallet.deleted_at"}, "date"]},
    ]
}

_SOLD = present("$ticket_order_id")
_PROMO = present("$promo_code_id")
ORIGIN: Final = {"$cond": [_SOLD, "sold", {"$cond": [_PROMO, "promo", "admin"]}]}
"""How a ticket came about: an order outweighs a promo code; with neither, an admin made it."""

_STATUS: Final = text("$status", UNKNOWN)

TICKETS: Final = Cube(
    name="tickets",
    source=Ticket,
    where=IN_THE_SYSTEM,
    dimensions={"event": "$event_id"},
    measures={
        "tickets": 1,
        **{origin: one_if({"$eq": [ORIGIN, origin]}) for origin in ("sold", "promo", "admin")},
        **{
            status: one_if({"$eq": [_STATUS, status]})
            for status in ("available", "consumed", "expired")
        },
    },
)
"""Tickets, all and by what they are: a measure each keeps it to one cell an event."""

PROMO_TICKETS: Final = Cube(
    name="promo tickets",
    source=Ticket,
    where={"$and": [_PROMO, {"$not": [_SOLD]}, IN_THE_SYSTEM]},
    dimensions={"promo_code": "$promo_code_id"},
    measures={"tickets": 1},
)
