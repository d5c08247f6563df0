"""Makes the demo data of all collections, and inserts them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from pymongo.database import Database

from demo.behaviour import Visits
from demo.catalogue import COLLECTIONS, GOODS
from demo.chance import Chance, Document
from demo.events import SITUATIONS, shows
from demo.people import users
from demo.products import delisted_products, products, shop_products
from demo.promotions import promotions
from demo.sales import Sales

# (documents at scale 1, minimum that contains one of every case)
_SIZES = {
    "customer": (5_000, 40),
    "staff": (25, 10),
    "admin": (5, 2),
    "promo_codes": (40, 10),
    "events": (60, len(SITUATIONS)),
    "ticket_orders": (12_000, 100),
    "tickets": (30_000, 250),
    "analytics_events": (100_000, 800),
}


def _sizes(scale: float) -> dict[str, int]:
    return {name: max(least, round(size * scale)) for name, (size, least) in _SIZES.items()}


def documents(
    *, scale: float = 1, seed: int = 1, now: datetime
) -> Iterator[tuple[str, list[Document]]]:
    """Yields (default collection name, batch of documents).

    The same scale, seed and now yield the same bytes. Another now changes only times, also those
    in ids, and no count or amount.
    """
    sizes, chance = _sizes(scale), Chance(seed)
    now = now.astimezone(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    customers = users(chance, "customer", sizes["customer"], now)
    yield "users", customers
    for role in ("staff", "admin"):
        yield "users", users(chance, role, sizes[role], now)

    goods = shop_products(chance)
    yield "products", products(chance, goods, now)
    codes = promotions(chance, sizes["promo_codes"], now)
    yield "promo_codes", codes.documents

    planned = list(shows(chance, sizes["events"], sizes["tickets"], now))
    yield "events", [show.document for show in planned]
    sales = Sales(chance, codes, customers)
    for show in planned:
        if show.situation.filled:
            orders, tickets = sales.of(show)
            yield "ticket_orders", orders
            yield "tickets", tickets

    visits = Visits(chance, [*goods, *delisted_products()], customers, now)
    for batch in visits.events(sizes["analytics_events"]):
        yield "analytics_events", batch


def total(scale: float) -> int:
    """The approximate number of documents."""
    return len(GOODS) * len(COLLECTIONS) + sum(_sizes(scale).values())


def seed(
    database: Database[Document],
    names: Mapping[str, str],
    *,
    scale: float = 1,
    seed: int = 1,
    now: datetime,
    progress: Callable[[int], object] = lambda _: None,
) -> dict[str, int]:
    """Inserts all documents; returns default collection name → number of documents.

    `names` maps default to actual names. `progress` is called with the size of each batch. Raises
    `BulkWriteError` if the database already contains the same data.
    """
    counts = dict.fromkeys(names, 0)
    for name, batch in documents(scale=scale, seed=seed, now=now):
        database[names[name]].insert_many(batch, ordered=False)
        counts[name] = counts.get(name, 0) + len(batch)
        progress(len(batch))
    return counts
