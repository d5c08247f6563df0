"""Numbers are rounded once, half-even, as exact fractions would be."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.kpi.rounding import ratio

_NUMBERS = st.integers(-(10**20), 10**20) | st.integers(-200, 200) | st.fractions()


@given(_NUMBERS, _NUMBERS, st.sampled_from([1, 2]))
def test_a_ratio_is_what_fractions_give(
    numerator: int | Fraction, denominator: int | Fraction, places: int
) -> None:
    exact = float(round(Fraction(numerator) / denominator, places)) if denominator else 0.0
    assert ratio(numerator, denominator, places=places) == exact


@pytest.mark.parametrize(
    ("cents", "shown"), [(12.5, 0.12), (37.5, 0.38), (-12.5, -0.12), (0.4, 0.0)]
)
def test_what_lies_in_the_middle_goes_to_the_even_side(cents: float, shown: float) -> None:
    assert ratio(Fraction(cents), 100, places=2) == shown
