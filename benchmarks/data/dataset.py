"""The benchmark's data: reproducible documents, generated once per database."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from bson import ObjectId
from tqdm import tqdm

from benchmarks.data.visits import visits
from benchmarks.http.drawing import Document, Drawing, shares
from server.commands.indexes import indexes
from server.database import DATA_FOLDER, open_database
from server.embedded.mongod import embedded_mongod
from server.settings import Settings

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
"""The end of the data, and the current time of the contenders."""

# Increase it when the documents change: existing data are then replaced.
_VERSION: Final = 2
# The collection of a document that is written last, and marks complete data.
_MARK: Final = "headcount_benchmark"
_BATCH: Final = 5_000
_CACHE_GB: Final = 3
_DAY: Final = 86_400
_UNTIL: Final = int(NOW.timestamp())
_ON_SALE: Final = 90 * _DAY
_IN_A_WALLET: Final = 0.4

_TYPES: Final = ("concert", "festival", "theatre", "movie_premiere", "sports", "conference")
_PAYMENTS: Final = {
    ("asaas", "CONFIRMED"): 42, ("asaas", "RECEIVED"): 16, ("asaas", "PENDING"): 6,
    ("asaas", "OVERDUE"): 5, ("stripe", "succeeded"): 24, ("stripe", "requires_action"): 3,
    ("stripe", "canceled"): 4,
}  # fmt: skip
_METHODS: Final = {"pix": 47, "credit_card": 46, None: 7}
_STATUSES: Final = {"consumed": 52, "available": 35, "expired": 12.6, "blocked": 0.4}
_ORIGINS: Final = {"sold": 70, "promo": 20, "admin": 10}
_WALLETS: Final = {"INJECTED": 18, "ASSIGNED": 20, "ACTIVATED": 30, "CONTROLLED": 30, "DELETED": 2}


@dataclass(frozen=True)
class Size:
    """The number of documents of each collection."""

    events: int = 500
    tickets: int = 1_000_000
    ticket_orders: int = 400_000
    users: int = 20_000
    products: int = 800
    promo_codes: int = 60
    analytics_events: int = 1_450_000

    @property
    def database(self) -> str:
        """The name of the database of this size."""
        return f"headcount_benchmark_{self.tickets}"


FULL: Final = Size()
LARGE: Final = Size(tickets=5_000_000, ticket_orders=2_000_000, analytics_events=2_900)
SMALL: Final = Size(500, 50_000, 20_000, 2_000, 200, 20, 2_900)
QUICK: Final = Size(20, 2_000, 800, 200, 40, 10, 2_900)


@contextmanager
def prepared(uri: str | None, settings: Settings, size: Size) -> Iterator[str]:
    """The URI of a MongoDB with the data: the given one, or that of an embedded one."""
    with ExitStack() as stack:
        if uri is None:
            uri = stack.enter_context(embedded_mongod(DATA_FOLDER / "bench", cache_gb=_CACHE_GB))
        _prepare(uri, settings, size)
        yield uri


def _prepare(uri: str, settings: Settings, size: Size) -> None:
    """Writes the data unless they are complete, and builds the indexes."""
    complete = {"_id": "data", "version": _VERSION, **asdict(size)}
    with open_database(uri, settings) as database:
        if database[_MARK].find_one({"_id": "data"}) != complete:
            database.client.drop_database(database)
            total = sum(asdict(size).values())
            with tqdm(total=total, unit=" documents", desc="Benchmark data") as bar:
                for name, documents in collections(size):
                    while batch := list(islice(documents, _BATCH)):
                        database[settings.collection(name)].insert_many(batch, ordered=False)
                        bar.update(len(batch))
        list(indexes(database, settings, apply=True, covering=True))
        database[_MARK].replace_one({"_id": "data"}, complete, upsert=True)


def collections(size: Size) -> Iterator[tuple[str, Iterator[Document]]]:
    """Yields (default collection name, documents). Consume each before the next."""
    maker = _Maker(size)
    yield "users", map(maker.user, maker.users)
    yield "products", map(maker.product, range(size.products))
    yield "promo_codes", map(maker.promo_code, maker.codes[2:])
    yield "events", map(maker.event, range(size.events))
    yield "ticket_orders", maker.orders()
    yield "tickets", maker.tickets()
    events = visits(size.analytics_events, size.products, maker.users, NOW)
    yield "analytics_events", events


class _Maker(Drawing):
    def __init__(self, size: Size) -> None:
        super().__init__(1)
        self.users = [self.key(_UNTIL - 400 * _DAY) for _ in range(size.users)]
        # The first two codes are deleted; their tickets remain.
        self.codes = [self.key(_UNTIL - 400 * _DAY) for _ in range(size.promo_codes + 2)]
        # Some events sell many times the tickets of others.
        weights = [min(self.lognormvariate(0, 0.8), 5) for _ in range(size.events)]
        self._tickets_of = shares(size.tickets, weights)
        self._orders_of = shares(size.ticket_orders, weights)
        self._dates = [_UNTIL - self.randrange(-40, 1000) * _DAY for _ in range(size.events)]
        self._events = [self.key(date - 2 * _ON_SALE) for date in self._dates]
        self._orders: list[list[ObjectId]] = [[] for _ in range(size.events)]

    def _sales(self, counts: Sequence[int]) -> list[tuple[int, int]]:
        """(second, event) of each sale, oldest first; `counts` are the sales of each event."""
        return sorted(
            (min(self._dates[event], _UNTIL) - int(self.random() ** 2 * _ON_SALE), event)
            for event, count in enumerate(counts)
            for _ in range(count)
        )

    def user(self, key: ObjectId) -> Document:
        return {
            "_id": key, "role": self.drawn({"customer": 97, "staff": 2, "admin": 1}, 1)[0],
            "is_active": self.random() < 0.9, "email_verified": self.random() < 0.8,
            "phone_verified": self.random() < 0.5, "email": f"{key}@example.com",
            "first_name": "Ana", "last_name": "Souza", "residence_country": "BR",
        }  # fmt: skip

    def product(self, number: int) -> Document:
        stock = {"stock_quantity": self.randrange(60), "reserved_quantity": self.randrange(8)}
        currency = self.drawn({"BRL": 90, "USD": 10}, 1)[0]
        return {
            "_id": self.key(_UNTIL), "slug": f"product-{number}", "name": f"Product {number}",
            "is_active": self.random() < 0.85, "inventory": stock | {"low_stock_threshold": 8},
            "pricing": {"price_cents": self.randrange(10, 400) * 50, "currency": currency},
        }  # fmt: skip

    def promo_code(self, key: ObjectId) -> Document:
        return {
            "_id": key, "code": f"{self.getrandbits(40):010X}", "title": "A partner's guests",
            "code_type": self.drawn({"ticket": 75, "promo": 25}, 1)[0],
            "is_active": self.random() < 0.7, "created_at": _time(_UNTIL - 400 * _DAY),
        }  # fmt: skip

    def event(self, number: int) -> Document:
        tickets, date = self._tickets_of[number], self._dates[number]
        capacity = 50 * round(tickets / self.uniform(0.4, 1.05) / 50)
        return {
            "_id": self._events[number], "title": f"Event {number}: a night to remember",
            "event_type": self.choice(_TYPES), "event_date": _time(date),
            "location": f"Arena {number % 17}, Goiânia", "tickets_issued": tickets,
            "capacity": capacity if self.random() > 0.04 else 0,
            "is_active": date > _UNTIL - 60 * _DAY, "is_sale_box_office": self.random() < 0.3,
            "event_code": f"EV-{number:04}", "organizer_id": f"org-{number % 12}",
            "mobile_app_ids": ["app-1"],
        }  # fmt: skip

    def orders(self) -> Iterator[Document]:
        sales = self._sales(self._orders_of)
        payments = self.drawn(_PAYMENTS, len(sales))
        methods = self.drawn(_METHODS, len(sales))
        rows = zip(sales, payments, methods, strict=True)
        for (second, event), (gateway, status), method in rows:
            key, count = self.key(second), self.randrange(1, 5)
            self._orders[event].append(key)
            yield {
                "_id": key, "event_id": self._events[event], "customer_id": self.choice(self.users),
                "gateway": gateway, "payment_status": status, "payment_method": method,
                "amount_cents": count * (40 + event % 30 * 7) * 100, "ticket_count": count,
                "created_at": _time(second), "updated_at": _time(second + 300),
            }  # fmt: skip

    def tickets(self) -> Iterator[Document]:
        sales = self._sales(self._tickets_of)
        statuses = self.drawn(_STATUSES, len(sales))
        origins = self.drawn(_ORIGINS, len(sales))
        wallets = [self._wallet(status) for status in self.drawn(_WALLETS, 500)]
        for (second, event), status, origin in zip(sales, statuses, origins, strict=True):
            customer, at = self.choice(self.users), _time(second)
            ticket: Document = {
                "_id": self.key(second), "event_id": self._events[event], "customer_id": customer,
                "status": status, "created_at": at, "updated_at": at,
            }  # fmt: skip
            if origin == "sold":
                ticket["ticket_order_id"] = self.choice(self._orders[event])
            elif origin == "promo":
                # The first codes have many more tickets than the last.
                ticket["promo_code_id"] = self.codes[int(self.random() ** 2 * len(self.codes))]
            if status == "consumed":
                ticket["consumed_at"] = _time(self._dates[event])
            if self.random() < _IN_A_WALLET:
                number = f"{self._serial % 10**10:010}"
                own = {"owner_id": customer, "ticket_number": number, "barcode": f"789{number}"}
                ticket["wallet"] = self.choice(wallets) | own
            yield ticket

    def _wallet(self, status: str) -> Document:
        """A wallet without the values that are unique for each ticket."""
        at, person = _time(_UNTIL - _DAY), f"{self.getrandbits(96):024x}"
        name = {"first_name": "Beatriz", "last_name": "Oliveira"}
        gone = {"deleted_at": at, "deletion_reason": "refunded"} if status == "DELETED" else {}
        return {
            "status": status, "organizer_ticket_id": f"org-{person}", "previous_owner_id": person,
            "initial_owner": {"id": person, "email": f"{person}@example.com", **name},
            "ticket_holder": {"document": f"{self.randrange(10**11):011}", **name},
            "delivered_at": at, "assigned_at": at, "kept_by_owner_at": at, "activated_at": at,
            "purchase": {
                "file": f"PF-{self.randrange(10**8):08}", "date": at, "currency": "BRL",
                "price_cents": self.randrange(40, 250) * 100, "contingent_id": "cont-1",
                "seat_category_id": "cat-2", "tariff_id": "tariff-1",
            },
            "seating": {
                "seated": True, "numbered": True, "external_entrance": "Norte", "gate": "Portão 4",
                "area": "Plateia", "level": "1", "block": "B", "row": "K", "seat": "27",
            },
            "metadata": {"channel": "app", "batch": self.randrange(7)},
            "rules": {
                "activation": "act-24h", "usage": "use-once", "design": "design-3",
                "data_collection": "data-min", "email": "mail-pt",
            },
            "devices": {person[:12]: {"platform": "android", "since": at}},
            "activation_details": [{"at": at, "method": "bluetooth"}],
            "transfer_forward_count": 0, "transfer_backward_count": 0, "already_downloaded": True,
        } | gone  # fmt: skip


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
