"""Products by what visitors did with them: the lists of DashboardStats."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cubes.cube import Cells, Slice
from cubes.declared.behaviour import PRODUCT_EVENTS, PRODUCT_NAMES, PRODUCT_SESSIONS
from cubes.declared.products import PRODUCT_ROWS
from cubes.keys import key_of
from cubes.rows import Lookup
from loaders.loader import Aggregations
from resolvers.breakdown import largest_first
from resolvers.rounding import count, percentage

TOP: Final = 5
SHOWN: Final = 10
# So many are counted before it is known what it takes to be among those shown: twice as many,
# since the order by sessions is much the same as the order by views.
_CANDIDATES: Final = 2 * SHOWN
# Beyond so many products, or bytes of their slugs, the sessions of all are counted: a command has
# 16 MB at most.
_MANY: Final = 10_000
_LONG: Final = 4_000_000

ProductNumbers = Mapping[str, Mapping[str, int]]
"""Event type → product → events, units or sessions; a product that has none may be missing."""
Within = Callable[[Slice], Slice]
"""Puts a slice into the time that it is of."""


@dataclass(frozen=True, slots=True)
class ProductCount:
    """How many there are of a product."""

    slug: str
    count: int


@dataclass(frozen=True, slots=True)
class ProductPerformance:
    """A product from its views to its purchases, which are units if `purchases_units` is None."""

    slug: str
    name: str
    views: int
    add_to_cart: int
    purchases: int
    purchases_units: int | None
    conversion_rate: float


@dataclass(frozen=True, slots=True)
class Leaders:
    """Numbers of at least the products that lead by views, and the names of those, in order."""

    numbers: ProductNumbers
    names: Mapping[str, str]

    def rows(
        self, purchases: Mapping[str, int], units: Mapping[str, int] | None = None
    ) -> list[ProductPerformance]:
        """A row for each name; `units` are shown where `purchases` are none."""
        views, carts = self.numbers["product_view"], self.numbers["add_to_cart"]
        return [
            ProductPerformance(
                slug=slug,
                name=name,
                views=count(views.get(slug, 0)),
                add_to_cart=count(carts.get(slug, 0)),
                purchases=count(purchases.get(slug, 0)),
                purchases_units=None if units is None else count(units.get(slug, 0)),
                conversion_rate=percentage(purchases.get(slug, 0), views.get(slug, 0)),
            )
            for slug, name in self.names.items()
        ]


def by_product(cells: Cells, measure: str) -> ProductNumbers:
    """The sums of cells by event type and product; those of no product are left out."""
    numbers: dict[str, dict[str, int]] = {name: {} for name in PRODUCT_EVENTS}
    for cell in cells:
        slug = key_of(cell["_id"].get("product"))
        of = numbers.get(cell["_id"].get("event_type", "purchase"))
        if of is not None and isinstance(slug, str) and slug:
            of[slug] = of.get(slug, 0) + cell[measure]
    return numbers


def top(numbers: Mapping[str, int]) -> list[ProductCount]:
    """The products with the largest numbers, then by slug; none without any."""
    leaders = largest_first(numbers.items())[:TOP]
    return [ProductCount(slug, count(number)) for slug, number in leaders if number > 0]


def ranked(events: ProductNumbers, numbers: ProductNumbers) -> list[str]:
    """The products that have events, by `numbers` of views, most first, then by slug."""
    products = frozenset().union(*events.values())
    views = numbers["product_view"]
    return [slug for slug, _ in largest_first((each, views.get(each, 0)) for each in products)]


async def sessions(
    events: ProductNumbers, aggregations: Aggregations, within: Within
) -> ProductNumbers:
    """Sessions by event type and product, of at least the products that lead by them.

    A product has no more sessions than events. So those that have fewer views than the last of
    the leaders has sessions need not be counted.
    """

    async def counted(slugs: Collection[str]) -> ProductNumbers:
        needs = PRODUCT_SESSIONS.slice("event_type", "product", measures=["sessions"])
        if len(slugs) <= _MANY and sum(len(slug.encode()) for slug in slugs) <= _LONG:
            needs = needs.only("product", slugs)
        return by_product(await aggregations.load(within(needs)), "sessions")

    views, order = events["product_view"], ranked(events, events)
    candidates, others = order[:_CANDIDATES], order[_CANDIDATES:]
    numbers = await counted(candidates)
    found = sorted((numbers["product_view"].get(slug, 0) for slug in candidates), reverse=True)
    if more := [slug for slug in others if views.get(slug, 0) >= found[SHOWN - 1]]:
        further = await counted(more)
        numbers = {name: {**further[name], **numbers[name]} for name in PRODUCT_EVENTS}
    return numbers


async def names(
    slugs: Sequence[str], aggregations: Aggregations, within: Within
) -> Mapping[str, str]:
    """What products are called: in the catalogue, else in their newest event, else their slug."""
    if not slugs:
        return {}
    catalogue = await aggregations.load(
        Lookup(PRODUCT_ROWS, frozenset({"name"}), frozenset(slugs), by="slug")
    )
    names = {slug: row["name"] for slug in slugs if (row := catalogue.get(slug)) and row["name"]}
    if missing := [slug for slug in slugs if slug not in names]:
        told = PRODUCT_NAMES.slice("name", measures=["products"]).only("product", missing)
        cells = await aggregations.load(within(told))
        names |= {cell["_id"]["product"]: cell["_id"]["name"] for cell in cells}
    return {slug: names.get(slug, slug) for slug in slugs}
