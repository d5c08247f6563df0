"""Ratios are rounded once, half to even, as exact fractions are."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.kpi.rounding import ratio

_NUMBERS = st.integers(-(10**20), 10**20) | st.integers(-200, 200) | st.fractions()


@given(_NUMBERS, _NUMBERS, st.sampled_from([1, 2]))
def test_a_ratio_equals_that_of_exact_fractions(
    numerator: int | Fraction, denominator: int | Fraction, places: int
) -> None:
    exact = float(round(Fraction(numerator) / denominator, places)) if denominator else 0.0
    assert ratio(numerator, denominator, places=places) == exact


@pytest.mark.parametrize(
    ("cents", "shown"), [(12.5, 0.12), (37.5, 0.38), (-12.5, -0.12), (0.4, 0.0)]
)
def test_ties_are_rounded_half_to_even(cents: float, shown: float) -> None:
    assert ratio(Fraction(cents), 100, places=2) == shown
