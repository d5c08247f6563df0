"""Rounding: numbers stay exact until here, and are rounded once, half-even (docs/kpis.md)."""

from fractions import Fraction
from typing import Final

import structlog

MINOR_UNITS: Final = 100
"""Minor units, such as cents, in a major unit."""

INT_MAX: Final = 2**31 - 1
INT_MIN: Final = -(2**31)

_log = structlog.get_logger(__name__)


def count(number: int | Fraction) -> int:
    """A number for an Int field: clamped to its 32 bits, which is logged."""
    # As nearly all are: hundreds of rows have ten of them each.
    if type(number) is int and INT_MIN <= number <= INT_MAX:
        return number
    clamped = max(INT_MIN, min(INT_MAX, int(number)))
    if clamped != int(number):
        _log.warning("a number beyond GraphQL's Int was clamped", number=str(number))
    return clamped


def money(cents: int | Fraction) -> float:
    """Minor units in major units, at 2 places."""
    return ratio(cents, MINOR_UNITS, places=2)


def percentage(part: int | Fraction, whole: int | Fraction) -> float:
    """part / whole × 100 at 1 place; 0.0 without a whole."""
    return ratio(part * 100, whole, places=1)


def ratio(numerator: int | Fraction, denominator: int | Fraction, *, places: int) -> float:
    """numerator / denominator at so many places, half-even; 0.0 with a zero denominator."""
    if not denominator:
        return 0.0
    # In integers, which takes a fifth of the time of fractions.
    unit: int = 10**places
    above = numerator.numerator * denominator.denominator * unit
    below = numerator.denominator * denominator.numerator
    if below < 0:
        above, below = -above, -below
    whole, rest = divmod(above, below)
    if 2 * rest > below or (2 * rest == below and whole % 2):
        whole += 1
    return whole / unit
