"""The product lists of `dashboardStats`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cubes.cells import Cells, exact
from cubes.cube import Slice
from cubes.declared.behaviour import PRODUCT_EVENTS, PRODUCT_NAMES, PRODUCT_SESSIONS
from cubes.declared.products import PRODUCT_ROWS
from cubes.keys import key_of
from cubes.rows import Lookup
from loaders.computing import computed
from loaders.loader import Loader
from resolvers.breakdown import largest_first
from resolvers.dashboard.values import ProductCount, ProductPerformance
from resolvers.kpi.rounding import count, percentage

TOP: Final = 5
SHOWN: Final = 10
# Sessions are counted for this many products first. The order by sessions is much the same as the
# order by views, so twice the number shown finds most of the leaders.
_CANDIDATES: Final = 2 * SHOWN
# A command has 16 MB at most: beyond this many products, or bytes of slugs, the sessions of all
# products are counted.
_MANY: Final = 10_000
_LONG: Final = 4_000_000

ProductNumbers = Mapping[str, Mapping[str, int]]
"""Event type → product → events, units or sessions; a product without any may be missing."""
InWindow = Callable[[Slice], Slice]
"""Restricts a slice to the window that its numbers cover."""


@dataclass(frozen=True, slots=True)
class Leaders:
    """The numbers of at least the products that lead by views, and the leaders' names in order."""

    numbers: ProductNumbers
    names: Mapping[str, str]

    def rows(
        self, purchases: Mapping[str, int], units: Mapping[str, int] | None = None
    ) -> list[ProductPerformance]:
        """A row for each leader; without `units`, `purchases` are units."""
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
    """The sums of cells by event type and product; cells without a product are left out."""
    numbers: dict[str, dict[str, int]] = {name: {} for name in PRODUCT_EVENTS}
    for cell in cells:
        slug = key_of(cell["_id"].get("product"))
        of = numbers.get(cell["_id"].get("event_type", "purchase"))
        if of is not None and isinstance(slug, str) and slug:
            of[slug] = of.get(slug, 0) + int(exact(cell[measure]))
    return numbers


async def numbers_by_product(cells: Cells, measure: str) -> ProductNumbers:
    """The same as `by_product`; of many cells in a thread."""
    return await computed(cells.size, partial(by_product, cells, measure))


def top(numbers: Mapping[str, int]) -> list[ProductCount]:
    """The 5 products with the largest numbers above 0; ties go by slug."""
    leaders = largest_first(numbers.items())[:TOP]
    return [ProductCount(slug, count(number)) for slug, number in leaders if number > 0]


async def ranked(events: ProductNumbers, numbers: ProductNumbers) -> list[str]:
    """The products that have events, by their views in `numbers`, most first, then by slug."""
    views = numbers["product_view"]

    def rank() -> list[str]:
        products = frozenset().union(*events.values())
        return [slug for slug, _ in largest_first((each, views.get(each, 0)) for each in products)]

    return await computed(sum(map(len, events.values())), rank)


async def sessions(events: ProductNumbers, loader: Loader, in_window: InWindow) -> ProductNumbers:
    """The sessions by event type and product, of at least the products that lead by sessions.

    A product has no more sessions than views. So a product with fewer views than the last leader
    has sessions need not be counted.
    """

    async def counted(slugs: Collection[str]) -> ProductNumbers:
        needs = PRODUCT_SESSIONS.slice("event_type", "product", measures=["sessions"])
        if len(slugs) <= _MANY and sum(len(slug.encode()) for slug in slugs) <= _LONG:
            needs = needs.only("product", slugs)
        return await numbers_by_product(await loader.load(in_window(needs)), "sessions")

    views = events["product_view"]
    order = await ranked(events, events)
    candidates, others = order[:_CANDIDATES], order[_CANDIDATES:]
    numbers = await counted(candidates)
    found = sorted((numbers["product_view"].get(slug, 0) for slug in candidates), reverse=True)
    if more := [slug for slug in others if views.get(slug, 0) >= found[SHOWN - 1]]:
        further = await counted(more)
        numbers = {name: {**further[name], **numbers[name]} for name in PRODUCT_EVENTS}
    return numbers


async def names(slugs: Sequence[str], loader: Loader, in_window: InWindow) -> Mapping[str, str]:
    """Slug → name: in the catalogue, else in the product's newest event, else the slug."""
    if not slugs:
        return {}
    catalogue = await loader.load(
        Lookup(PRODUCT_ROWS, frozenset({"name"}), frozenset(slugs), by="slug")
    )
    names = {slug: row["name"] for slug in slugs if (row := catalogue.get(slug)) and row["name"]}
    if missing := [slug for slug in slugs if slug not in names]:
        named = PRODUCT_NAMES.slice("name", measures=["products"]).only("product", missing)
        cells = await loader.load(in_window(named))
        names |= {cell["_id"]["product"]: cell["_id"]["name"] for cell in cells}
    return {slug: names.get(slug, slug) for slug in slugs}
