"""The sweep: deletes empty cells, other builds and abandoned declarations."""

from datetime import timedelta
from typing import Final

from cubes.expressions import Expression
from rollups.keeper.cell_collections import EMPTY, Build, all_builds
from rollups.keeper.lease import Lease
from rollups.keeper.store import CellCollection, RollupStore, State

ABANDONED_AFTER: Final = timedelta(days=1)
"""How long after its last lease another declaration's state is dropped, with its cells."""

_MILLISECOND: Final = timedelta(milliseconds=1)
# An early version of Headcount removed `expires_at` when a lease ended; `as_of` is the time of the
# lease's last write.
_ABANDONED: Final[Expression] = {
    "$lt": [
        {"$ifNull": ["$expires_at", "$as_of"]},
        {"$subtract": ["$$NOW", ABANDONED_AFTER // _MILLISECOND]},
    ]
}


async def sweep(lease: Lease, cells: CellCollection) -> None:
    """Deletes empty cells, other builds and abandoned declarations; raises `LeaseLost`."""
    state = await lease.update({}, cells=cells.name)
    # Outside of a transaction, which a large number of cells would not fit into. It is safe if
    # another process takes the lease now: a cell that it adds to is not empty any more, and one
    # that is gone is inserted again.
    await cells.delete_many(EMPTY)
    await drop_other_builds(lease.store, state)
    await drop_abandoned_declarations(lease)


async def drop_other_builds(store: RollupStore, state: State) -> None:
    """Drops the collections of other builds than the one that the lease's holder follows.

    Those of later leases stay: another process may have taken the lease and built them.
    """
    later = Build(state["_id"], state["fencing_token"] + 1, 0)
    for build in await all_builds(store):
        if build.precedes(later) and build.collection != state["cells"]:
            await store.database[build.collection].drop()


async def drop_abandoned_declarations(lease: Lease) -> None:
    """Drops states and cells of the rollup's other declarations that are abandoned.

    A declaration is abandoned if its last lease ended `ABANDONED_AFTER` ago by the database's
    clock, or if it has cells but no state.
    """
    store, rollup = lease.store, lease.rollup
    # Listed before the states are read. A process that acquires another declaration's lease from
    # now on builds into a new collection, which is not in this list.
    builds = [build for build in await all_builds(store) if build.rollup == rollup.name]
    with_state = {state["_id"] for state in await store.other_states(rollup)}
    with_cells = {build.state_id for build in builds} - {rollup.state_id}
    for state_id in with_state | with_cells:
        abandoned = {"_id": state_id, "$expr": _ABANDONED}
        if state_id in with_state:
            # Readers must not find a state whose cells are gone.
            unset = await store.states.update_one(abandoned, {"$unset": {"cells": ""}})
            if not unset.matched_count:
                continue
        for build in builds:
            if build.state_id == state_id:
                await store.database[build.collection].drop()
        # Last, so that a sweep that is killed before is repeated by the next one.
        await store.states.delete_one(abandoned)
