"""What the benchmark's data are drawn with: seeded, so that they are the same every time."""

import random
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from struct import pack
from typing import Any, TypeVar

from bson import ObjectId

Document = dict[str, Any]
_T = TypeVar("_T")


class Drawing(random.Random):
    """A source of chance, and of ids that rise."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._serial = self.getrandbits(62)

    def key(self, second: int) -> ObjectId:
        """An id of a moment, higher than all that were given of the same."""
        self._serial += 1
        return ObjectId(pack(">IQ", second, self._serial))

    def drawn(self, shares: Mapping[_T, float], count: int) -> list[_T]:
        """So many of the keys, each as often as its share says."""
        return self.choices([*shares], [*shares.values()], k=count)


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """The total, split by weight."""
    sums = [0.0, *accumulate(weights)]
    bounds = [round(total * each / sums[-1]) for each in sums]
    return [b - a for a, b in pairwise(bounds)]
