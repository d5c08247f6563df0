"""Censuses: cubes of those who are behind the documents, as sessions are behind events.

Each is put together from its documents first, and counted then, once. So distinct counts are
sums over cells, like all others.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from cubes.cube import Cube, Stage
from cubes.expressions import Expression, is_text


@dataclass(frozen=True, eq=False)
class Census(Cube):
    """Who is behind the documents of a collection.

    `individual` is the field, or the fields, that make documents the same one's; those whose
    `known` is false, as a rule what is no text, are nobody's. `traits` are what becomes known of
    an individual by its documents, oldest first if they are `ordered`. Dimensions and measures
    are expressions over an individual: its `_id` and its traits.
    """

    individual: Expression = None
    known: Expression = field(default_factory=lambda: is_text("$_id"))
    traits: Mapping[str, Expression] = field(default_factory=dict)
    ordered: bool = False

    def path(self, dimension: str) -> str:
        """The field of a dimension of the same name as a field of the individual."""
        path: str = self.individual[dimension]
        return path.removeprefix("$")

    def group(self, dimensions: Collection[str], measures: Collection[str]) -> list[Stage]:
        """The stages that make cells of the documents that count."""
        order: list[Stage] = [{"$sort": {"created_at": 1, "_id": 1}}] if self.ordered else []
        cell = {name: self.dimensions[name] for name in sorted(dimensions)}
        sums = {name: {"$sum": self.measures[name]} for name in sorted(measures)}
        # What is known is asked after grouping: there are fewer individuals than documents.
        return [
            *order,
            {"$group": {"_id": self.individual, **self.traits}},
            {"$group": {"_id": {"$cond": [self.known, cell, None]}, **sums}},
            {"$match": {"_id": {"$ne": None}}},
        ]
