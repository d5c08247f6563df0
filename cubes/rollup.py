"""Rollups: cubes whose cells are kept, and how cells are made, changed and read."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from beanie import Document

from cubes.census import Census
from cubes.cube import Cube, Slice, Stage
from cubes.events import EVENTS
from cubes.key import raw
from cubes.orders import ORDERS
from cubes.products import PRODUCTS
from cubes.promo_codes import PROMO_CODES
from cubes.reading import Expression, mentioned
from cubes.tickets import PROMO_TICKETS, TICKETS
from cubes.users import USERS

STATES: Final = "headcount_rollups"
"""The collection of what is known of rollups (`rollups/store.py`)."""

_WEIGHT: Final = "_weight"
_FORMAT: Final = 1
# What only a request knows.
_VARIABLES: Final = frozenset({"$$now", "$$low_stock_threshold"})


@dataclass(frozen=True)
class Level:
    """Cells of a cube by some of its dimensions.

    A kept cell is `{level, key: {dimension: value}, documents, measures: {measure: sum}}`, where
    `documents` is how many are behind it: a cell of none is there until it is swept.
    """

    cube: Cube
    dimensions: frozenset[str]

    @property
    def name(self) -> str:
        """The level's name, unique among all."""
        return f"{self.cube.name} by {', '.join(sorted(self.dimensions)) or 'nothing'}"

    def cells(self, weight: Expression | None = None) -> list[Stage]:
        """The stages that make cells of documents of the cube's collection."""
        cube = self.cube
        key = {name: cube.dimensions[name] for name in self.dimensions}
        summed = (
            cube.measures
            if weight is None
            else {name: {"$multiply": [weight, each]} for name, each in cube.measures.items()}
        )
        return [*cube.counted(), *self._cells(key, 1 if weight is None else weight, summed)]

    def of_finer(self, finer: "Level") -> list[Stage]:
        """The stages that make cells of those of a finer level."""
        key = {name: f"$key.{name}" for name in self.dimensions}
        summed = {name: f"$measures.{name}" for name in self.cube.measures}
        return [{"$match": {"level": finer.name}}, *self._cells(key, "$documents", summed)]

    def read(self, one: Slice) -> list[Stage]:
        """The aggregation of kept cells that answers a slice."""
        match: dict[str, Any] = {"level": self.name, "documents": {"$ne": 0}}
        if one.key is not None:
            match[f"key.{one.key}"] = {"$in": [raw(key) for key in one.keys]}
        key = {name: f"$key.{name}" for name in sorted(one.dimensions)}
        sums = {name: {"$sum": f"$measures.{name}"} for name in sorted(one.measures)}
        return [{"$match": match}, {"$group": {"_id": key or None, **sums}}, *one.largest_of()]

    def _cells(
        self, key: Mapping[str, Expression], documents: Expression, summed: Mapping[str, Expression]
    ) -> list[Stage]:
        sums = {name: {"$sum": each} for name, each in summed.items()}
        cell = {name: key[name] for name in sorted(key)}
        return [
            {"$group": {"_id": cell, "documents": {"$sum": documents}, **sums}},
            {
                "$project": {
                    "_id": 0,
                    "level": {"$literal": self.name},
                    "key": "$_id",
                    "documents": 1,
                    "measures": {name: f"${name}" for name in sums},
                }
            },
        ]


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
        return [
            Level(cube, dimensions)
            for cube in self.cubes
            for dimensions in (frozenset(cube.dimensions), *cube.coarser)
        ]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields of a document, at its top, that its cells depend on."""
        return frozenset(
            path.removeprefix("$").split(".")[0]
            for cube in self.cubes
            for path in (*_mentioned(cube), *cube.match)
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


ROLLUPS: Final = (
    *_rollups((EVENTS, TICKETS, PROMO_TICKETS, ORDERS, PROMO_CODES, USERS, PRODUCTS)),
)
"""All that are kept: what is counted without a window of time."""


def level_of(one: Slice) -> tuple[Rollup, Level] | None:
    """The level with the fewest dimensions that answers a slice; None where none is kept."""
    if one.window is not None:
        return None
    fitting = [
        (rollup, level)
        for rollup in ROLLUPS
        for level in rollup.levels
        if level.cube is one.cube and one.dimensions <= level.dimensions
    ]
    return min(fitting, key=lambda each: len(each[1].dimensions), default=None)
