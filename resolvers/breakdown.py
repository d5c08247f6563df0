"""Breakdowns: a total split by a key, largest count first and then by key."""

from collections.abc import Iterable
from typing import cast

from cubes.cells import Cells
from resolvers.kpi.rounding import count, money
from resolvers.kpi.units import COUNT, MONEY, TEXT
from resolvers.kpi.values import described, value


@value
class OrderBreakdown:
    """A part of the orders.

    The parts of a breakdown sum to its total. Orders without a readable key are in `unknown`.
    """

    key: str = described("The value that these orders have in common.", TEXT)
    count: int = described("The number of orders.", COUNT)
    total_amount: float = described("The amount of these orders, in major units.", MONEY)


def largest_first(numbers: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """By number descending, then by key in code point order."""
    return sorted(numbers, key=lambda pair: (-pair[1], pair[0]))


def counts(cells: Cells, dimension: str, measure: str) -> list[tuple[str, int]]:
    """The sum of a measure for each key, largest first."""
    return largest_first(cast("dict[str, int]", cells.totals(dimension, measure)).items())


def amounts(cells: Cells, dimension: str) -> list[OrderBreakdown]:
    """The orders and their amount by a dimension, most orders first."""
    cents = cells.totals(dimension, "amount_cents")
    return [
        OrderBreakdown(key, count(orders), money(cents[key]))
        for key, orders in counts(cells, dimension, "orders")
    ]
