"""Rollups: the cubes of a collection whose cells are kept, and what changes do to them."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from beanie import Document

from cubes.cube import Cube, Stage
from cubes.distinct import Census
from cubes.expressions import mentioned
from cubes.registry import CUBES
from rollups.layout.level import Level, levels

STATES: Final = "headcount_rollups"
"""The collection of what is known of rollups (`rollups/keeper/lease.py`)."""

_WEIGHT: Final = "_weight"
_FORMAT: Final = 2
# What only a request knows.
_VARIABLES: Final = frozenset({"$$now", "$$low_stock_threshold"})


@dataclass(frozen=True, eq=False)
class Rollup:
    """The cubes of a collection whose cells are kept together, as of one time."""

    source: type[Document]
    cubes: Sequence[Cube]

    @property
    def name(self) -> str:
        """That of the collection, with its database's."""
        return self.source.get_pymongo_collection().full_name

    @cached_property
    def levels(self) -> Sequence[Level]:
        """Of each cube the finest, and then those that are coarser."""
        return [level for cube in self.cubes for level in levels(cube)]

    @cached_property
    def searched(self) -> frozenset[str]:
        """The paths of cells that they are searched by."""
        return frozenset(path for level in self.levels for path in level.searched)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of a document, at its top, that its cells depend on."""
        return frozenset(
            path.removeprefix("$").split(".")[0]
            for cube in self.cubes
            for path in (*_mentioned(cube), *cube.match, *(("created_at",) if cube.buckets else ()))
            if not path.startswith("$$")
        )

    @cached_property
    def declaration(self) -> str:
        """What tells cells of another declaration, or format, from these."""
        said = [_FORMAT, [[level.name, level.cells()] for level in self.levels]]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=repr).encode()).hexdigest()

    def deltas(self, changed: Sequence[Mapping[str, Any]]) -> list[Stage]:
        """The aggregation of a database that says what changes do to cells.

        `changed` are `{weight: -1, document: what was}` and `{weight: 1, document: what is}`. Its
        only answer has the cells of each level, by its place in `levels`.
        """
        weighted = {"$mergeObjects": ["$document", {_WEIGHT: "$weight"}]}
        return [
            # Data that are not literal would be run as expressions.
            {"$documents": {"$literal": changed}},
            {"$replaceWith": weighted},
            {
                "$facet": {
                    str(place): level.cells(f"${_WEIGHT}")
                    for place, level in enumerate(self.levels)
                }
            },
        ]


def is_kept(cube: Cube) -> bool:
    """Whether a cube's cells can be kept: they add up, and depend on nothing but documents."""
    return not isinstance(cube, Census) and _VARIABLES.isdisjoint(_mentioned(cube))


def _mentioned(cube: Cube) -> Iterator[str]:
    return mentioned([cube.dimensions, cube.measures, cube.where])


def _rollups(cubes: Iterable[Cube]) -> Iterator[Rollup]:
    by_source = defaultdict[type[Document], list[Cube]](list)
    for cube in filter(is_kept, cubes):
        by_source[cube.source].append(cube)
    for source, of_source in by_source.items():
        yield Rollup(source, of_source)


ROLLUPS: Final = (*_rollups(CUBES),)
"""All that are kept."""
