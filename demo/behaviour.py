"""Demo behaviour events: sessions of visitors, from the first view to an order or an error."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle

from demo.chance import Chance, Document, Rhythm
from demo.products import ShopProduct

_BATCH = 1_000
_LONGEST = timedelta(hours=1)
_STEP_SECONDS = (5, 180)

_SOURCES = (
    ("google", "instagram", None, "whatsapp", "direct", "newsletter", "facebook", "tiktok"),
    (30, 52, 72, 81, 88, 94, 98, 100),
)
_VIEWS = ((1, 2, 3, 4, 6, 8), (30, 55, 75, 90, 97, 100))
# Each step of a checkout, and the probability of the next.
_CHECKOUT = (
    ("begin_checkout", 0.88),
    ("checkout_started", 0.85),
    ("payment_info_entered", 0.86),
    ("purchase", 0.97),
    ("order_completed", 0),
)
_MESSAGES = {
    "payment_error": ("card_declined: saldo insuficiente", "card_declined: CVV inválido"),
    "checkout_error": ("Estoque indisponível", "Cupom expirado"),
    "payment_confirmation_error": ("Tempo esgotado ao confirmar o Pix",),
    "address_error": ("CEP não encontrado", "Endereço fora da área de entrega"),
}
_PRICED = frozenset({"product_view", "add_to_cart", "purchase", "whatsapp_purchase"})
_COUNTED = frozenset({"add_to_cart", "purchase", "whatsapp_purchase"})


class Visits:
    """Sessions of the 90 days before `now`; every fourth is in the last 7 days.

    No session crosses the edge of a window, so that its events are the same at each time of day.
    """

    def __init__(
        self, chance: Chance, goods: Sequence[ShopProduct], users: Sequence[Document], now: datetime
    ) -> None:
        self._chance = chance
        self._goods = goods
        self._users = [str(user["_id"]) for user in users]
        week, hours = now - timedelta(days=7), 24 * 7 - 1
        self._recent = Rhythm(now - _LONGEST, hours=hours, rush=90)
        self._earlier = Rhythm(week - _LONGEST, hours=24 * 83 - 1, rush=60)
        # Errors are periodic, and hit the first visitor of each step: small data contain them too.
        self._errors = {
            "begin_checkout": cycle(["checkout_error", *[None] * 24]),
            "checkout_started": cycle(["address_error", *[None] * 19]),
            "payment_info_entered": cycle(
                ["payment_error", *[None] * 6, "payment_confirmation_error", *[None] * 12]
            ),
        }

    def events(self, count: int) -> Iterator[list[Document]]:
        """Yields batches of sessions with at least `count` events in total."""
        chance, missing = self._chance, count
        while missing > 0:
            batch: list[Document] = []
            recent = iter(chance.times(self._recent, _BATCH // 4))
            earlier = iter(chance.times(self._earlier, _BATCH))
            for number in range(_BATCH):
                batch += self._session(number, next(earlier if number % 4 else recent))
                if len(batch) >= missing:
                    break
            missing -= len(batch)
            yield batch

    def _session(self, number: int, at: datetime) -> Iterator[Document]:
        chance = self._chance
        (source,) = chance.choices(_SOURCES[0], cum_weights=_SOURCES[1])
        visitor: Document = {"session_id": chance.hex(20), "source": source}
        if chance.likely(0.3):
            visitor["user_id"] = chance.favourite(self._users)
        product, quantity = chance.favourite(self._goods), 1 + int(chance.random() ** 4 * 5)
        for step in self._steps(number):
            if step == "product_view":
                product = chance.favourite(self._goods)
            elif step == "begin_checkout" and number % 5 == 3:
                # The visitor returns from an e-mail about the abandoned cart.
                visitor["source"] = "newsletter"
            elif step == "checkout_started" and chance.likely(0.6):
                visitor.setdefault("user_id", chance.favourite(self._users))
            yield self._event(step, visitor, product, quantity, at)
            at += timedelta(seconds=chance.randrange(*_STEP_SECONDS))

    def _steps(self, number: int) -> Iterator[str]:
        chance = self._chance
        yield from ["product_view"] * chance.choices(_VIEWS[0], cum_weights=_VIEWS[1])[0]
        if number % 25 == 7:
            yield "add_to_cart"
            yield "whatsapp_cart_click"
            if number % 75 == 7:
                yield "whatsapp_purchase"
        elif chance.likely(0.34):
            yield from ["add_to_cart"] * (1 + chance.likely(0.2))
            if chance.likely(0.5):
                yield from self._checkout()

    def _checkout(self) -> Iterator[str]:
        for step, go_on in _CHECKOUT:
            yield step
            error = next(self._errors[step]) if step in self._errors else None
            if error:
                yield error
            if not self._chance.likely(go_on / 2 if error else go_on):
                return

    def _event(
        self, step: str, visitor: Document, product: ShopProduct, quantity: int, at: datetime
    ) -> Document:
        chance = self._chance
        event = {"_id": chance.object_id(at), "event_type": step, **visitor, "created_at": at}
        if step in _PRICED:
            reais = product.price_cents / 100
            event["product_slug"] = product.slug
            event["product_name"] = product.name
            # Older writers store strings, the newest stores numbers.
            event["price"] = f"{reais:.2f}" if chance.likely(0.7) else reais
        if step in _COUNTED and (quantity > 1 or chance.likely(0.5)):
            event["metadata"] = {"quantity": quantity}
        if step == "purchase":
            event["idempotency_key"] = chance.hex(32)
        if step in _MESSAGES:
            event["error_message"] = chance.choice(_MESSAGES[step])
        return event
