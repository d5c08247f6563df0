"""Versions of collections, which tell whether an earlier answer is still the one of now."""

from collections.abc import Hashable
from typing import NamedTuple, Self

from rollups.layout.rollup import Rollup
from rollups.layout.states import State


class Version(NamedTuple):
    """A version of a collection: it stays the same until a document changes.

    `collection` is the full name. `value` are the cells of its rollup, and the number of changes
    that they have.
    """

    collection: str
    value: Hashable

    @classmethod
    def of(cls, rollup: Rollup, state: State) -> Self:
        """The version that the cells of a rollup have in a state."""
        return cls(rollup.name, (state["cells"], state.get("cells_uuid"), state.get("changes")))
