"""Breakdowns: a total split by a key, largest first (kpis.md, rule 4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from cubes.cube import Cells
from resolvers.rounding import count, money


@dataclass(frozen=True, slots=True)
class KeyCount:
    """How many there are of a key."""

    key: str
    count: int


@dataclass(frozen=True, slots=True)
class KeyAmount:
    """How many there are of a key, and their amount in major units."""

    key: str
    count: int
    total_amount: float


def largest_first(numbers: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """By number descending, then by key in code point order."""
    return sorted(numbers, key=lambda pair: (-pair[1], pair[0]))


def counts(cells: Cells, dimension: str, measure: str) -> list[tuple[str, int]]:
    """How many of each key, largest first."""
    groups = cells.by(dimension).items()
    return largest_first((cast("str", key), group.sum(measure)) for key, group in groups)


def amounts(cells: Cells, dimension: str) -> list[KeyAmount]:
    """Orders and their amount by a dimension, most orders first."""
    groups = cells.by(dimension)
    return [
        KeyAmount(key, count(orders), money(groups[key].sum("amount_cents")))
        for key, orders in counts(cells, dimension, "orders")
    ]
