"""Rollups: the cubes of a collection whose cells are materialised together, and their deltas."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from beanie import Document

from cubes.cube import Cube
from cubes.declaration import Stage
from cubes.distinct import DistinctCube
from cubes.expressions import references
from cubes.registry import DEFAULT_CATALOG, Catalog
from rollups.layout.level import Level, levels

STATES: Final = "headcount_rollups"
"""The collection of state documents (`rollups/keeper/store.py`)."""

_WEIGHT: Final = "_weight"
_FORMAT: Final = 4


@dataclass(frozen=True, eq=False)
class Rollup:
    """The cubes of a collection whose cells are as of one cluster time."""

    source: type[Document]
    cubes: Sequence[Cube]

    @property
    def name(self) -> str:
        """The full name of the collection: `<database>.<collection>`."""
        return self.source.get_pymongo_collection().full_name

    @cached_property
    def levels(self) -> Sequence[Level]:
        """The levels of each cube, the finest first."""
        return [level for cube in self.cubes for level in levels(cube)]

    @cached_property
    def finer(self) -> Mapping[Level, Level | None]:
        """For each level a finest level whose cells add up to its own; None for a finest level."""
        levels = self.levels
        finest = [one for one in levels if not any(each.has_cells_of(one) for each in levels)]
        return {
            level: next((each for each in finest if each.has_cells_of(level)), None)
            for level in levels
        }

    def levels_for(self, cube: Cube, dimensions: frozenset[str]) -> Sequence[Level]:
        """The cube's levels with the fewest dimensions that include the given ones, if any do.

        They differ in granularity; the finest is first.
        """
        fitting = [
            level for level in self.levels if level.cube is cube and dimensions <= level.dimensions
        ]
        fewest = min((level.dimensions for level in fitting), key=len, default=None)
        return [level for level in fitting if level.dimensions == fewest]

    @property
    def finest(self) -> Sequence[Level]:
        """The levels whose cells are made of documents."""
        return [level for level, finer in self.finer.items() if finer is None]

    @cached_property
    def searched(self) -> frozenset[tuple[str, ...]]:
        """The paths of cells that reads filter by together."""
        return frozenset(paths for level in self.levels for paths in level.searched)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The top-level fields of a document that its cells depend on."""
        paths = {
            path
            for cube in self.cubes
            for path in (
                *(each[1:] for each in references([cube.dimensions, cube.measures, cube.where])),
                *cube.match,
                *(("created_at",) if cube.granularities else ()),
            )
        }
        return frozenset(path.split(".")[0] for path in paths)

    @cached_property
    def declaration(self) -> str:
        """The SHA-256 of the level names, their pipelines and the format, in hexadecimal digits."""
        declared = [_FORMAT, [[level.name, level.cells()] for level in self.levels]]
        text = json.dumps(declared, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def state_id(self) -> str:
        """The `_id` of its state document: each declaration has a state and cells of its own."""
        return f"{self.name}@{self.declaration[:12]}"

    def deltas(self, changed: Sequence[Mapping[str, Any]]) -> list[Stage]:
        """The aggregation of a database that computes what changes add to cells.

        `changed` are `{weight: -1, document: before}` and `{weight: 1, document: after}`. The only
        document that it returns has the cells of each level, by the level's index in `levels`.
        """
        weighted = {"$mergeObjects": ["$document", {_WEIGHT: "$weight"}]}
        return [
            # Values that are not literal would run as expressions.
            {"$documents": {"$literal": changed}},
            {"$replaceWith": weighted},
            {
                "$facet": {
                    str(index): level.cells(f"${_WEIGHT}")
                    for index, level in enumerate(self.levels)
                }
            },
        ]


def is_additive(cube: Cube) -> bool:
    """Whether a rollup can have the cube: its cells add up, and depend on documents alone."""
    return not isinstance(cube, DistinctCube) and not cube.parameters


@cache
def rollups(catalog: Catalog) -> tuple[Rollup, ...]:
    """The rollups of a catalog: one for each collection that has an additive cube."""
    by_source = defaultdict[type[Document], list[Cube]](list)
    for cube in filter(is_additive, catalog):
        by_source[cube.source].append(cube)
    return tuple(Rollup(source, of_source) for source, of_source in by_source.items())


DEFAULT_ROLLUPS: Final = rollups(DEFAULT_CATALOG)
"""The rollups of cubes without any settings."""
