"""Keys of cells and rows: hashable values that are equal exactly where MongoDB's values are."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import bson
from bson import Code, DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex

_NO_KEYS: Final = (Code, DBRef, MaxKey, MinKey, Regex)
"""The types of the driver that `cubes.expressions.cell_key` does not take for keys."""
# Most keys that are no texts are of these types.
_SMALL: Final = (bool, int)


@dataclass(frozen=True, slots=True)
class TypedKey:
    """A key whose value Python can't hash, or compares otherwise than MongoDB, as 1 and true."""

    canonical: Hashable
    value: Any = field(compare=False)


def key_of(value: Any) -> Hashable:
    """The key of a value that MongoDB returned. ObjectIds, texts and null are their own keys."""
    if value is None or isinstance(value, ObjectId | TypedKey) or type(value) is str:
        return value
    return _small_key(value) if type(value) in _SMALL else TypedKey(_canonical(value), value)


@lru_cache(1_000, typed=True)
def _small_key(value: Any) -> TypedKey:
    return TypedKey(_canonical(value), value)


def value_of(key: Hashable) -> Any:
    """The value of a key, as MongoDB stores it."""
    return key.value if isinstance(key, TypedKey) else key


def values_of(keys: Iterable[Hashable]) -> list[Any]:
    """The values of keys for `$in`, without those that are no keys, or that it takes for more."""
    return [
        value
        for value in map(value_of, keys)
        if isinstance(value, ObjectId) or not _is_no_key(value)
    ]


def _canonical(value: Any) -> Hashable:
    if isinstance(value, int | float | Decimal128) and not isinstance(value, bool):
        # MongoDB compares numbers across their types.
        return _exact(value)
    if isinstance(value, Mapping):
        return "object", *((name, key_of(each)) for name, each in value.items())
    if isinstance(value, list):
        return "array", *map(key_of, value)
    return type(value).__name__, bson.encode({"": value})


def _exact(number: float | Decimal128) -> Hashable:
    if isinstance(number, Decimal128):
        decimal = number.to_decimal()
        if decimal.is_finite():
            return Fraction(decimal)
        return "nan" if decimal.is_nan() else str(float(decimal))
    return Fraction(number) if isfinite(number) else str(number)


def _is_no_key(value: object) -> bool:
    """Whether no document's id is such a value, or `$in` would read it as an operator."""
    operator = isinstance(value, Mapping) and any(name.startswith("$") for name in value)
    return operator or isinstance(value, _NO_KEYS)
