"""The benchmark's behaviour events: sessions of the last week and of the 83 days before."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bson import ObjectId

from benchmarks.http.drawing import Document, Drawing, shares

# One million of 1,450,000 events.
_IN_THE_WEEK: Final = 20 / 29
_EVENTS_A_SESSION: Final = 5
_DAY: Final = 86_400_000
_NINETY_DAYS: Final = 90 * _DAY
_WEEK: Final = 7 * _DAY
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_SOURCES: Final = {
    "google": 30, "instagram": 22, None: 20, "whatsapp": 9, "direct": 7, "newsletter": 6,
    "facebook": 4, "tiktok": 2,
}  # fmt: skip
_TURNS: Final = ("direct", "whatsapp", "newsletter", "google")
_OF_PRODUCTS: Final = frozenset({"product_view", "add_to_cart", "purchase"})
# (share of the sessions with a cart, their further steps)
_AFTER_THE_CART: Final = (
    (0.04, ("whatsapp_cart_click",)),
    (0.03, ("whatsapp_cart_click", "whatsapp_purchase")),
    (0.31, ("begin_checkout", "checkout_started", "payment_info_entered", "purchase",
            "order_completed")),
    (0.03, ("begin_checkout", "checkout_started", "payment_info_entered", "payment_error")),
    (0.01, ("begin_checkout", "checkout_started", "payment_info_entered",
            "payment_confirmation_error")),
    (0.03, ("begin_checkout", "checkout_started", "payment_info_entered")),
    (0.12, ("begin_checkout", "checkout_started")),
    (0.02, ("begin_checkout", "checkout_error")),
    (0.01, ("begin_checkout", "checkout_started", "address_error")),
    (0.40, ()),
)  # fmt: skip


def visits(
    count: int, products: int, users: Sequence[ObjectId], until: datetime
) -> Iterator[Document]:
    """Yields `count` events of 90 days, oldest first. No session crosses the week's edge."""
    visitors = _Visitors(products, [str(user) for user in users])
    last, week = (until - _EPOCH) // _MILLISECOND, round(count * _IN_THE_WEEK)
    yield from visitors.events(count - week, last - _NINETY_DAYS, last - _WEEK - 1)
    yield from visitors.events(week, last - _WEEK, last)


class _Visitors:
    def __init__(self, products: int, users: Sequence[str]) -> None:
        self._draw = Drawing(2)
        self._products = products
        self._users = users

    def events(self, count: int, first: int, last: int) -> Iterator[Document]:
        """Yields `count` events between two times in milliseconds since the epoch."""
        draw, sessions = self._draw, count // _EVENTS_A_SESSION
        funnels = self._funnels(sessions)
        # Each session has a view, and some have many.
        weights = [min(draw.lognormvariate(0, 0.8), 5) for _ in range(sessions)]
        views = shares(count - sessions - sum(map(len, funnels)), weights)
        times = []
        for session, (seen, funnel) in enumerate(zip(views, funnels, strict=True)):
            waits = [draw.randrange(5_000, 180_000) for _ in range(seen + len(funnel))]
            at = draw.randrange(first, last - sum(waits) + 1)
            for wait in (0, *waits):
                at += wait
                times.append((at, session))
        times.sort()
        sources = draw.drawn(_SOURCES, sessions)
        running: dict[int, Iterator[Document]] = {}
        for at, session in times:
            if session not in running:
                steps = ["product_view"] * (1 + views[session]) + funnels[session]
                running[session] = self._session(steps, sources[session])
            created = _EPOCH + at * _MILLISECOND
            yield {"_id": draw.key(at // 1000), "created_at": created, **next(running[session])}

    def _funnels(self, sessions: int) -> list[list[str]]:
        """The steps of each session after its views."""
        draw = self._draw
        ends = draw.drawn({end: share for share, end in _AFTER_THE_CART}, sessions)
        carts = draw.drawn({0: 50, 1: 30, 2: 15, 3: 5}, sessions)
        return [
            ["add_to_cart"] * cart + [*end] if cart else []
            for cart, end in zip(carts, ends, strict=True)
        ]

    def _session(self, steps: Sequence[str], source: str | None) -> Iterator[Document]:
        """Yields the events of a session, without ids and times."""
        draw = self._draw
        visitor = {"session_id": f"{draw.getrandbits(96):024x}"}
        if draw.random() < 0.3:
            visitor["user_id"] = draw.choice(self._users)
        product: Document = {}
        for step in steps:
            if step == "product_view":
                product = self._product()
            if draw.random() < 0.03:
                # The visitor returns from another source.
                source = draw.choice(_TURNS)
            event: Document = {"event_type": step, **visitor}
            if source is not None:
                event["source"] = source
            if step in _OF_PRODUCTS:
                event |= product
                if step != "product_view" and draw.random() < 0.6:
                    event["metadata"] = {"quantity": 1 + int(draw.random() ** 3 * 4)}
            if step == "purchase":
                event["idempotency_key"] = f"{draw.getrandbits(128):032x}"
            elif step.endswith("_error"):
                event["error_message"] = "card_declined: saldo insuficiente"
            yield event

    def _product(self) -> Document:
        # The first products are viewed much more often than the last.
        number = int(self._draw.random() ** 2 * self._products)
        price = (900 + number * 137 % 27_000) / 100
        return {
            "product_slug": f"product-{number}", "product_name": f"Product {number}",
            "price": f"{price:.2f}" if self._draw.random() < 0.7 else price,
        }  # fmt: skip
