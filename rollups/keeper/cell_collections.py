"""Collections of cells, and of parts of builds: their names, their UUIDs and their indexes."""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from bson import Binary
from pymongo import IndexModel
from pymongo.errors import OperationFailure

from cubes.declaration import Stage
from documents.reads import COLLECTION_REPLACED
from rollups.keeper.incarnation import uuid_of
from rollups.keeper.lease import Lease
from rollups.keeper.store import CellCollection, RollupStore
from rollups.layout.rollup import Rollup

EMPTY: Final[dict[str, Any]] = {"documents": 0}
"""The filter for cells that no document belongs to any more, which have an index of their own."""

NOT_EMPTY: Final[Stage] = {"$match": {"documents": {"$ne": 0}}}

_PREFIX: Final = "headcount_cells"
_NAME: Final = re.compile(rf"{_PREFIX}\.(.+)\.(\d+)\.(\d+)")
_DECLARATION: Final = re.compile(r"@[0-9a-f]{12}$")


@dataclass(frozen=True, order=True, slots=True)
class Build:
    """A collection that a build made: the lease that the build ran under, and a number.

    It is `headcount_cells.<state's _id>.<fencing token>.<number>`.
    """

    state_id: str
    fencing_token: int
    number: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The build that made a collection; None for a collection of anything else."""
        match = _NAME.fullmatch(name)
        return None if match is None else cls(match[1], int(match[2]), int(match[3]))

    @property
    def collection(self) -> str:
        """The name of its collection of cells."""
        return f"{_PREFIX}.{self.state_id}.{self.fencing_token}.{self.number}"

    @property
    def rollup(self) -> str:
        """The name of its rollup, which other declarations share."""
        return _DECLARATION.sub("", self.state_id)

    def precedes(self, other: Self) -> bool:
        """Whether it is an earlier build of the same cells."""
        return self.state_id == other.state_id and self < other


async def all_builds(store: RollupStore) -> list[Build]:
    """The builds whose collections exist; of each declaration the earliest first."""
    names = await store.database.list_collection_names()
    return sorted(build for build in map(Build.parse, names) if build is not None)


async def create_indexes(cells: CellCollection, rollup: Rollup) -> None:
    """Creates the indexes that the follower, the readers and the sweep find cells by."""
    await cells.create_indexes(
        [
            IndexModel(["level", "key"], unique=True),
            *(IndexModel(["level", *paths]) for paths in sorted(rollup.searched)),
            # Partial: it has entries for empty cells only, so that other updates don't touch it.
            IndexModel(["documents"], partialFilterExpression=EMPTY),
        ]
    )


async def new_cells(lease: Lease) -> tuple[CellCollection, Binary]:
    """A new, empty collection of the lease's rollup, and its UUID; raises `LeaseLost`.

    Drops collections that earlier builds left behind.
    """
    store = lease.store
    state = await lease.update({}, increments={"collections": 1})
    new = Build(state["_id"], state["fencing_token"], state["collections"])
    parts = (state.get("building") or {}).get("parts", ())
    used = {state.get("cells"), *(name for name, _ in parts)}
    earlier = [build for build in await all_builds(store) if build.precedes(new)]
    # A reader may have learned the name of the last one just now: that one stays.
    for build in earlier[:-1]:
        if build.collection not in used:
            await store.database.drop_collection(build.collection)
    cells = await store.database.create_collection(new.collection)
    uuid = await uuid_of(cells)
    if uuid is None:
        raise OperationFailure("The new collection was dropped.", COLLECTION_REPLACED)
    return cells, uuid
