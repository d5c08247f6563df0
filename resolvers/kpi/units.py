"""Units: how a number is rounded for an answer, and what kind of value a field has."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

from cubes.cells import Number
from resolvers.kpi.rounding import INT_MAX, INT_MIN, MINOR_UNITS, count, money, percentage, ratio

_T = TypeVar("_T")

_EXACT_BELOW: Final = 2**53
"""Integers below it, in either direction, are exact as doubles."""

Numbers = Sequence[Number]


class Unit(Generic[_T]):
    """The unit of a field: its name for people, and its values' type.

    `rounded` turns exact numerators, and denominators if it is a ratio, into values to answer.
    """

    def __init__(
        self,
        name: str,
        type: Any,
        rounded: Callable[[Numbers, Numbers | None], Sequence[_T]] | None = None,
        note: str = "",
    ) -> None:
        """`note` is a sentence on the rounding, which follows a field's description."""
        self.name = name
        self.note = note
        self.type = type
        self._rounded = rounded

    def __repr__(self) -> str:
        return self.name

    def rounded(self, numerators: Numbers, denominators: Numbers | None) -> Sequence[_T]:
        """The values to answer; raises `TypeError` for a unit that is no number's."""
        if self._rounded is None:
            raise TypeError(f"A number can't be in the unit {self.name}.")
        return self._rounded(numerators, denominators)


def _counts(numbers: Numbers, denominators: Numbers | None) -> Sequence[int]:
    if denominators is not None:
        raise TypeError("A ratio is no count.")
    integers = _integers(numbers)
    if (
        integers is not None
        and INT_MIN <= min(integers, default=0) <= max(integers, default=0) <= INT_MAX
    ):
        return integers
    return [count(number) for number in numbers]


def _integers(numbers: Numbers) -> Sequence[int] | None:
    """The numbers if all are integers, as almost always: they take fewer steps each."""
    return cast("Sequence[int]", numbers) if {*map(type, numbers)} <= {int} else None


def _money(cents: Numbers, denominators: Numbers | None) -> Sequence[float]:
    if denominators is not None:
        pairs = zip(cents, denominators, strict=True)
        return [ratio(number, MINOR_UNITS * over, places=2) for number, over in pairs]
    integers = _integers(cents)
    if integers is not None and max(map(abs, integers), default=0) < _EXACT_BELOW:
        # The quotient of two integers is the double nearest to the amount with its two places.
        return [number / MINOR_UNITS for number in integers]
    return [money(number) for number in cents]


def _percentages(parts: Numbers, wholes: Numbers | None) -> Sequence[float]:
    if wholes is None:
        raise TypeError("A percentage is a ratio: divide one number by another.")
    return [percentage(part, whole) for part, whole in zip(parts, wholes, strict=True)]


@cache
def decimal(places: int) -> Unit[float]:
    """A ratio at a number of places, half-even; 0.0 if its denominator is 0."""

    def rounded(numerators: Numbers, denominators: Numbers | None) -> Sequence[float]:
        over = denominators if denominators is not None else [1] * len(numerators)
        return [ratio(n, d, places=places) for n, d in zip(numerators, over, strict=True)]

    return Unit(
        f"number at {places} places" if places != 1 else "number at 1 place", float, rounded
    )


COUNT: Final = Unit[int]("count", int, _counts)
"""An integer, clamped to GraphQL's 32 bits."""
MONEY: Final = Unit[float]("money", float, _money)
"""Minor units, answered in major units at 2 places, half-even."""
PERCENTAGE: Final = Unit[float]("percentage", float, _percentages, "At 1 place.")
"""part / whole × 100 at 1 place, half-even; 0.0 without a whole."""

ID: Final = Unit[str]("id", str)
TEXT: Final = Unit[str]("text", str)
FLAG: Final = Unit[bool]("flag", bool)
DATE: Final = Unit[date]("date", date)
DATE_TIME: Final = Unit[datetime]("date and time", datetime)
JSON: Final = Unit[Any]("JSON", object)
