"""The seeded random generator of the benchmark's data."""

import random
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from struct import pack
from typing import Any, TypeVar

from bson import ObjectId

Document = dict[str, Any]
_T = TypeVar("_T")


class Drawing(random.Random):
    """A random generator that also makes increasing ids."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._serial = self.getrandbits(62)

    def key(self, second: int) -> ObjectId:
        """An id with a timestamp in seconds, greater than all previous ids of this second."""
        self._serial += 1
        return ObjectId(pack(">IQ", second, self._serial))

    def drawn(self, shares: Mapping[_T, float], count: int) -> list[_T]:
        """Draws `count` keys with the probabilities of their shares."""
        return self.choices([*shares], [*shares.values()], k=count)


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Splits a total in proportion to weights."""
    sums = [0.0, *accumulate(weights)]
    bounds = [round(total * each / sums[-1]) for each in sums]
    return [b - a for a, b in pairwise(bounds)]
