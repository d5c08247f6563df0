"""The cube of `ticket_orders`."""

from typing import Final

from cubes.cube import Cube
from cubes.expressions import UNKNOWN, Setting, cell_key, number, one_if, text
from documents.ticket_order import TicketOrder

PAID: Final = Setting("paid_statuses", default=("CONFIRMED", "RECEIVED", "succeeded"))
"""The payment statuses of a paid order, compared exactly: Asaas' two and Stripe's."""

_STATUS: Final = text("$payment_status", UNKNOWN)
_AMOUNT: Final = number("$amount_cents")
_IS_PAID: Final = {"$in": [_STATUS, PAID]}

ORDERS: Final = Cube(
    name="orders",
    source=TicketOrder,
    dimensions={
        "event": cell_key("$event_id"),
        "status": _STATUS,
        "gateway": text("$gateway", UNKNOWN),
        "method": text("$payment_method", UNKNOWN),
    },
    measures={
        "orders": 1,
        "amount_cents": _AMOUNT,
        "tickets": number("$ticket_count"),
        "paid_orders": one_if(_IS_PAID),
        "paid_cents": {"$cond": [_IS_PAID, _AMOUNT, 0]},
    },
    # By all dimensions together, there would be thirty times as many cells, which no KPI reads.
    rollup_levels=[
        frozenset({"status", "gateway", "method"}),
        frozenset({"event"}),
        frozenset(),
    ],
)
