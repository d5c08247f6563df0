"""Following a collection: each change is applied to the cells exactly once."""

import asyncio
from datetime import datetime
from typing import Final

from bson import Binary, Timestamp
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from rollups.keeper.changes import TRANSACTION_BYTES, ChangeBatch, batches
from rollups.keeper.deltas import updates
from rollups.keeper.gap import Gap, gaps
from rollups.keeper.incarnation import check_uuid
from rollups.keeper.lease import Lease
from rollups.keeper.statistics import statistics
from rollups.keeper.store import CellCollection
from rollups.keeper.sweep import sweep

SWEEP_SECONDS: Final = 60.0
"""How often `sweep` runs."""


async def follow(lease: Lease) -> None:
    """Applies changes to the cells from the resume position on, until it is cancelled.

    Raises `Gap` if changes are missing or out of order, `LeaseLost`, and `PrimaryChanged`.
    """
    state = await lease.store.state(lease.rollup)
    position, cells = state["position"], lease.store.database[state["cells"]]
    cells_uuid = state["cells_uuid"]
    loop = asyncio.get_running_loop()
    swept_at = loop.time()
    await _record_statistics(lease, cells, state["as_of"])
    with gaps():
        async for batch in batches(lease.rollup, position):
            for part in batch.transactions():
                position = await _apply(lease, cells, cells_uuid, position, part)
            if loop.time() - swept_at > SWEEP_SECONDS:
                await sweep(lease, cells)
                await _record_statistics(lease, cells, batch.until.at)
                swept_at = loop.time()


async def _record_statistics(lease: Lease, cells: CellCollection, until: datetime) -> None:
    found = await statistics(cells, lease.rollup, until)
    await lease.update({"statistics": found}, cells=cells.name)


async def _apply(
    lease: Lease,
    cells: CellCollection,
    cells_uuid: Binary,
    position: Timestamp,
    batch: ChangeBatch,
) -> Timestamp:
    """Applies a batch and moves the resume position, both or neither; returns the new position."""
    batch.check_order(position)
    cell_updates = await updates(lease.store, lease.rollup, batch.changes)
    reached = max(batch.until.cluster_time, position)
    values = {"position": reached, "as_of": batch.until.at}
    if cell_updates:
        values["version"] = reached
    increments = {"changes": len(batch.changes), "batches": 1} if batch.changes else {}

    async def write(session: AsyncClientSession | None = None) -> None:
        # The state document comes first: without the lease, or at another position, the
        # transaction ends here.
        await lease.update(
            values, increments=increments, session=session, position=position, cells=cells.name
        )
        # Updates of dropped cells would create a collection of some cells.
        await check_uuid(cells, cells_uuid, session)
        if not cell_updates:
            return
        try:
            await cells.bulk_write(cell_updates, session=session)
        except OperationFailure as error:
            # If its cache is too small, MongoDB may ask to retry for ever.
            if batch.size > TRANSACTION_BYTES:
                raise Gap(
                    f"{batch.size:,} bytes of changes of one cluster time are too large for a "
                    "transaction"
                ) from error
            raise

    if cell_updates:
        await lease.in_transaction(write)
    else:
        await write()
    return reached
