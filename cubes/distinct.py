"""Distinct-count cubes: they count the sessions or users of documents, each once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cubes.cells import CubeError
from cubes.checks import check
from cubes.cube import Cube
from cubes.declaration import Stage
from cubes.expressions import Expression, is_text, references

_ID: Final = "$_id"


@dataclass(frozen=True, eq=False)
class DistinctCube(Cube):
    """A cube of the individuals (sessions, users, …) that documents belong to.

    A first `$group` puts each individual together from its documents, a second counts
    individuals. So a distinct count is a sum over cells, like any other number.

    `individual` is the field, or the fields, that documents of one individual share. `counts` says
    which individuals count: by default those whose `_id` is a text. `traits` (name → accumulator)
    are what documents tell of their individual, read oldest first if `ordered`. Dimensions and
    measures are expressions over an individual: its `_id` and its traits.
    """

    individual: Expression = None
    counts: Expression = field(default_factory=lambda: is_text(_ID))
    traits: Mapping[str, Expression] = field(default_factory=dict)
    ordered: bool = False

    EXPRESSIONS: ClassVar = (*Cube.EXPRESSIONS, "individual", "counts", "traits")

    def __post_init__(self) -> None:
        check(self, document=[self.individual, self.traits, self.where])
        own = {_ID, *(f"${name}" for name in self.traits)}
        over = references([self.dimensions, self.measures, self.counts])
        for each in over:
            if not each.startswith("$$") and each.split(".")[0] not in own:
                raise CubeError(f"Cube {self.name}: {each} is neither _id nor one of its traits.")

    def field_of(self, dimension: str) -> str | None:
        """The document's field that a dimension is, if it is a part of `individual`."""
        path = str(self.dimensions[dimension]).removeprefix(f"{_ID}.")
        if isinstance(self.individual, Mapping) and path in self.individual:
            return str(self.individual[path]).removeprefix("$")
        return None

    def group(
        self, dimensions: Collection[str], measures: Collection[str], time: Expression = None
    ) -> list[Stage]:
        """The stages that make cells of the documents that count; there are no time buckets."""
        if time is not None:
            raise CubeError(f"Cube {self.name}: an individual is in no single bucket of time.")
        order: list[Stage] = [{"$sort": {"created_at": 1, "_id": 1}}] if self.ordered else []
        cell = {name: self.dimensions[name] for name in sorted(dimensions)}
        sums = {name: {"$sum": self.measures[name]} for name in sorted(measures)}
        # `counts` is asked after grouping: there are fewer individuals than documents.
        return [
            *order,
            {"$group": {"_id": self.individual, **self.traits}},
            {"$group": {"_id": {"$cond": [self.counts, cell, None]}, **sums}},
            {"$match": {"_id": {"$ne": None}}},
        ]
