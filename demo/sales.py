"""Demo orders and tickets of an event: sold, by promo code, and made by an admin."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bson import ObjectId

from demo.chance import Chance, Document
from demo.events import Show
from demo.promotions import Promotions
from demo.wallets import wallet

# All shares are cumulative percentages.
_BASKETS, _BASKET_SHARES = (1, 2, 3, 4, 5, 6), (30, 70, 82, 95, 98, 100)
_PAID = (("asaas", "CONFIRMED"), ("asaas", "RECEIVED"), ("stripe", "succeeded"))
_PAID_SHARES = (44, 70, 100)
_UNPAID = (
    ("asaas", "PENDING"), ("asaas", "OVERDUE"), ("stripe", "requires_action"),
    ("stripe", "canceled"),
)  # fmt: skip
_UNPAID_SHARES = {
    "past": (4, 55, 58, 100), "upcoming": (45, 60, 80, 100), "undated": (20, 50, 70, 100),
}  # fmt: skip
_STATUSES = ("available", "consumed", "expired")
_STATUS_SHARES = {"past": (5, 84, 100), "upcoming": (97, 97, 100), "undated": (85, 97, 100)}


class Sales:
    """Makes orders and tickets."""

    def __init__(self, chance: Chance, codes: Promotions, customers: Sequence[Document]) -> None:
        self._chance = chance
        self._codes = codes
        self._customers = customers
        self._by_id = {customer["_id"]: customer for customer in customers}

    def of(self, show: Show) -> tuple[list[Document], list[Document]]:
        """The orders and tickets of an event. Each paid order has `ticket_count` tickets."""
        chance, codes = self._chance, self._codes
        by_promo_code = int(show.tickets * chance.uniform(0.15, 0.33))
        by_admin = int(show.tickets * 0.08)
        orders: list[Document] = []
        tickets: list[Document] = []
        for order, origin in self._orders(show, show.tickets - by_promo_code - by_admin):
            orders.append(order)
            if origin:
                at, customer = order["updated_at"], order["customer_id"]
                seats = range(order["ticket_count"])
                tickets += [self._ticket(show, at, customer, origin) for _ in seats]
        for number, at in enumerate(chance.times(show.sales, by_promo_code)):
            (code,) = chance.choices(codes.used, cum_weights=codes.cumulative)
            # Some tickets refer to deleted promo codes.
            origin = {"promo_code_id": chance.choice(codes.deleted) if number % 25 == 2 else code}
            tickets.append(self._ticket(show, at, chance.choice(self._customers)["_id"], origin))
        for at in chance.times(show.sales, by_admin):
            customer = chance.choice(self._customers)["_id"] if chance.likely(0.7) else None
            tickets.append(self._ticket(show, at, customer, {}))
        if "mobile_app_ids" in show.document:
            self._fill_wallets(show, orders, tickets)
        return orders, tickets

    def _orders(self, show: Show, tickets: int) -> Iterator[tuple[Document, Document]]:
        """Yields (order, origin of its tickets); the origin is empty without tickets."""
        chance, counts = self._chance, list[int]()
        while tickets > 0:
            counts.append(min(tickets, *chance.choices(_BASKETS, cum_weights=_BASKET_SHARES)))
            tickets -= counts[-1]
        paid, unpaid = len(counts), (len(counts) + 2) // 3
        counts += chance.choices(_BASKETS, cum_weights=_BASKET_SHARES, k=unpaid)
        states = chance.choices(_PAID, cum_weights=_PAID_SHARES, k=paid)
        shares = _UNPAID_SHARES[show.situation.when]
        states += chance.choices(_UNPAID, cum_weights=shares, k=unpaid)
        times = chance.times(show.sales, len(counts))
        rows = zip(counts, states, times, strict=True)
        for number, (count, (gateway, status), at) in enumerate(rows):
            # By law, students and the elderly pay half.
            price = show.price_cents // 2 if chance.likely(0.35) else show.price_cents
            discounted = number % 15 == 4
            order: Document = {
                "_id": chance.object_id(at),
                "event_id": show.document["_id"],
                "customer_id": chance.favourite(self._customers)["_id"],
                "gateway": gateway,
                "payment_status": status,
                "payment_method": _method(chance, gateway),
                "amount_cents": count * (price * 4 // 5 if discounted else price),
                "ticket_count": count,
                "created_at": at,
                "updated_at": min(at + timedelta(seconds=chance.randrange(20, 900)), show.until),
            }
            # In older orders the payment method is null, in the oldest it is missing.
            if number % 24 == 2:
                order["payment_method"] = None
            elif number % 48 == 9:
                del order["payment_method"]
            origin = {"ticket_order_id": order["_id"]} if number < paid else {}
            if origin and discounted:
                origin["promo_code_id"] = chance.favourite(self._codes.discounts)
            yield order, origin

    def _ticket(
        self, show: Show, at: datetime, customer: ObjectId | None, origin: Document
    ) -> Document:
        chance, when = self._chance, show.situation.when
        (status,) = chance.choices(_STATUSES, cum_weights=_STATUS_SHARES[when])
        ticket: Document = {
            "_id": chance.object_id(at),
            "event_id": show.document["_id"],
            "customer_id": customer,
            "status": status,
            **origin,
            "created_at": at,
        }
        minutes = chance.randrange(120)
        if status == "consumed":
            doors = show.date - timedelta(minutes=80) if show.date else at
            ticket["consumed_at"] = min(doors + timedelta(minutes=minutes), show.closed)
            ticket["updated_at"] = ticket["consumed_at"]
        elif status == "expired" and when == "past":
            ticket["updated_at"] = show.closed
        elif minutes > 12:
            ticket["updated_at"] = min(at + timedelta(minutes=minutes), show.until)
        return ticket

    def _fill_wallets(
        self, show: Show, orders: Sequence[Document], tickets: Sequence[Document]
    ) -> None:
        """Adds a wallet to every second ticket."""
        chance = self._chance
        prices = {order["_id"]: order["amount_cents"] // order["ticket_count"] for order in orders}
        for number, ticket in enumerate(tickets[::2]):
            # Sold-out events have no deleted tickets, so that they stay sold out.
            deletable = show.situation.filled < 1 and ticket["status"] != "consumed"
            ticket["wallet"] = wallet(
                chance,
                ticket,
                holder=self._by_id.get(ticket["customer_id"]) or chance.choice(self._customers),
                price_cents=prices.get(ticket.get("ticket_order_id")),
                seated=show.kind.seated,
                until=ticket.get("consumed_at", show.until),
                deleted=deletable and number % 10 == 1,
            )
            dates = [date for date in ticket["wallet"].values() if isinstance(date, datetime)]
            ticket["updated_at"] = max([*dates, ticket.get("updated_at") or ticket["created_at"]])


def _method(chance: Chance, gateway: str) -> str:
    return "pix" if chance.likely(0.58 if gateway == "asaas" else 0.06) else "credit_card"
