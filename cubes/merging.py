"""Merging: the fewest slices that answer all slices of some KPIs."""

from collections.abc import Hashable, Iterable

from cubes.cube import Slice


def merged(slices: Iterable[Slice]) -> dict[Hashable, Slice]:
    """Family → the smallest slice that answers all of its slices."""
    found: dict[Hashable, Slice] = {}
    for one in slices:
        found[one.family] = found.setdefault(one.family, one).merge(one)
    return found
