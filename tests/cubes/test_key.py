"""Keys are equal if and only if MongoDB takes their values for equal."""

from itertools import combinations
from typing import Any

import pytest
from bson import Decimal128, Int64

from cubes.keys import key_of


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.00")),
        (float("nan"), Decimal128("NaN"), Decimal128("sNaN")),
        (float("inf"), Decimal128("Infinity")),
        (0.5, Decimal128("5E-1")),
    ],
)
def test_numbers_are_equal_across_their_types(values: tuple[Any, ...]) -> None:
    assert len({key_of(value) for value in values}) == 1


def test_other_values_have_different_keys() -> None:
    huge = Decimal128("1E+6000")
    values = (1, True, "1", huge, float("inf"), float("-inf"), float("nan"), None, [1], {"a": 1})
    for one, other in combinations(values, 2):
        assert key_of(one) != key_of(other)


def test_numbers_in_documents_and_arrays_are_equal_across_their_types() -> None:
    assert key_of({"a": [1, {"b": 2}]}) == key_of({"a": [1.0, {"b": Decimal128("2.0")}]})
    assert key_of({"a": 1, "b": 2}) != key_of({"b": 2, "a": 1})
    assert key_of([1]) != key_of([True])
    assert key_of({}) != key_of([])
