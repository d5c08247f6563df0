"""Keys of cells and rows: ids of any type, equal where MongoDB takes them for equal."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

import bson
from bson import Decimal128, ObjectId


@dataclass(frozen=True, slots=True)
class Odd:
    """A key that Python would not hash, or would take for another, as `1` for `True`."""

    canonical: Hashable
    value: Any = field(compare=False)


def key_of(value: Any) -> Hashable:
    """The key of a value that MongoDB gave; ObjectIds and texts are their own."""
    if value is None or isinstance(value, ObjectId | Odd) or type(value) is str:
        return value
    if isinstance(value, int | float | Decimal128) and not isinstance(value, bool):
        # MongoDB compares numbers across their types.
        return Odd(_exact(value), value)
    return Odd((type(value).__name__, bson.encode({"": value})), value)


def _exact(number: float | Decimal128) -> Hashable:
    if isinstance(number, Decimal128):
        decimal = number.to_decimal()
        if decimal.is_finite():
            return Fraction(decimal)
        return "nan" if decimal.is_nan() else str(float(decimal))
    return Fraction(number) if isfinite(number) else str(number)


def raw(key: Hashable) -> Any:
    """The value of a key, as MongoDB has it."""
    return key.value if isinstance(key, Odd) else key
