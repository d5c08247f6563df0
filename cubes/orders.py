"""What can be counted in `ticket_orders`."""

from typing import Final

from cubes.cube import Cube
from cubes.reading import UNKNOWN, number, text
from documents import TicketOrder

ORDERS: Final = Cube(
    name="orders",
    source=TicketOrder,
    dimensions={
        "event": "$event_id",
        "status": text("$payment_status", UNKNOWN),
        "gateway": text("$gateway", UNKNOWN),
        "method": text("$payment_method", UNKNOWN),
    },
    measures={
        "orders": 1,
        "amount_cents": number("$amount_cents"),
        "tickets": number("$ticket_count"),
    },
)
