"""Owns the demo's data as a whole: how much of each collection, in which order; inserts it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from pymongo.database import Database

from demo.behaviour import Visits
from demo.catalogue import COLLECTIONS, GOODS
from demo.chance import Chance, Document
from demo.events import SITUATIONS, shows
from demo.people import users
from demo.products import delisted, products, wares
from demo.promotions import promotions
from demo.sales import Sales

# At scale 1, and at the least, where there is still one of everything.
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
    """(default collection name, batch of its documents), to be inserted in this order.

    The same scale, seed and now yield the same bytes. Another now moves the times (and what ids
    tell of them), and changes no count and no amount.
    """
    sizes, chance = _sizes(scale), Chance(seed)
    now = now.astimezone(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    customers = users(chance, "customer", sizes["customer"], now)
    yield "users", customers
    for role in ("staff", "admin"):
        yield "users", users(chance, role, sizes[role], now)

    goods = wares(chance)
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

    visits = Visits(chance, [*goods, *delisted()], customers, now)
    for batch in visits.events(sizes["analytics_events"]):
        yield "analytics_events", batch


def total(scale: float) -> int:
    """About how many documents there will be."""
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
    """Inserts everything, and returns the documents per default collection name.

    `names` maps default names to the actual ones; `progress` is told each batch's size.

    Raises:
        pymongo.errors.BulkWriteError: the same data is there already.
    """
    counts = dict.fromkeys(names, 0)
    for name, batch in documents(scale=scale, seed=seed, now=now):
        database[names[name]].insert_many(batch, ordered=False)
        counts[name] = counts.get(name, 0) + len(batch)
        progress(len(batch))
    return counts
