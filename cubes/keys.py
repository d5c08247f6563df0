"""Keys of cells and rows: hashable values that are equal exactly where MongoDB's values are."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

import bson
from bson import Decimal128, ObjectId


@dataclass(frozen=True, slots=True)
class TypedKey:
    """A key whose value Python can't hash, or compares otherwise than MongoDB, as 1 and true."""

    canonical: Hashable
    value: Any = field(compare=False)


def key_of(value: Any) -> Hashable:
    """The key of a value that MongoDB returned. ObjectIds, texts and null are their own keys."""
    if value is None or isinstance(value, ObjectId | TypedKey) or type(value) is str:
        return value
    if isinstance(value, int | float | Decimal128) and not isinstance(value, bool):
        # MongoDB compares numbers across their types.
        return TypedKey(_exact(value), value)
    return TypedKey((type(value).__name__, bson.encode({"": value})), value)


def _exact(number: float | Decimal128) -> Hashable:
    if isinstance(number, Decimal128):
        decimal = number.to_decimal()
        if decimal.is_finite():
            return Fraction(decimal)
        return "nan" if decimal.is_nan() else str(float(decimal))
    return Fraction(number) if isfinite(number) else str(number)


def value_of(key: Hashable) -> Any:
    """The value of a key, as MongoDB stores it."""
    return key.value if isinstance(key, TypedKey) else key
