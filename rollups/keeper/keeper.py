"""The keeper of a rollup: it acquires the lease, builds, follows and checks, until cancelled."""

import asyncio
import random
from typing import Final

import structlog
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from cancelling import first
from documents.sessions import close_idle_connections
from errors import StartupError, first_words
from rollups.keeper.build import build
from rollups.keeper.cluster_time import PrimaryChanged
from rollups.keeper.follow import follow
from rollups.keeper.gap import Gap
from rollups.keeper.incarnation import check_incarnation
from rollups.keeper.lease import Lease, LeaseLost, acquire
from rollups.keeper.prerequisites import enable_pre_images
from rollups.keeper.store import RollupStore
from rollups.keeper.verify import verify_some
from rollups.layout.rollup import Rollup

_log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 180.0
"""The mean time between two comparisons of some cells with documents."""

_RETRY_SECONDS: Final = 60.0


async def maintain(store: RollupStore, rollup: Rollup, owner: str) -> None:
    """Maintains a rollup whenever no other process holds its lease, until it is cancelled.

    Logs each reason why it can't once.
    """
    logged = ""
    loop = asyncio.get_running_loop()
    while True:
        began, reason = loop.time(), ""
        pause = store.lease_seconds / 3
        try:
            lease = await acquire(store, rollup, owner)
            if lease is not None:
                async with lease:
                    await _maintain(lease)
        except LeaseLost:
            reason = "another process took the lease, or a check discarded the cells"
        except (PyMongoError, PrimaryChanged) as error:
            reason = first_words(error)
            if isinstance(error, ConfigurationError):
                await close_idle_connections(store.database.client)
        except StartupError as error:
            reason, pause = str(error), _RETRY_SECONDS
        except Exception as error:
            # A bug in one rollup must not end the others; the log has the stack trace.
            _log.exception("maintaining a rollup failed", rollup=rollup.name, exc_info=error)
            pause = _RETRY_SECONDS
        had_lease = loop.time() - began > store.lease_seconds
        if reason and (had_lease or reason != logged):
            _log.warning("a rollup is not maintained for now", rollup=rollup.name, reason=reason)
        logged = reason or logged
        await asyncio.sleep(pause)


async def _maintain(lease: Lease) -> None:
    while True:
        # A missing collection is not created here: an operator may be swapping or restoring it.
        await enable_pre_images(lease.rollup)
        state = await lease.store.state(lease.rollup)
        try:
            if state.get("cells"):
                await check_incarnation(lease.store, lease.rollup, state)
                # A forced build that was killed: the sweep drops its parts.
                await lease.update({"building": None})
            else:
                _log.info("building a rollup", rollup=lease.rollup.name)
                began = asyncio.get_running_loop().time()
                await build(lease)
                await _log_build(lease, asyncio.get_running_loop().time() - began)
            await first(follow(lease), _check(lease))
        except Gap as gap:
            _log.warning("rebuilding a rollup", rollup=lease.rollup.name, reason=str(gap))
            # Queries count live until the rebuild is done.
            await lease.update({"cells": None, "building": None})


async def _log_build(lease: Lease, seconds: float) -> None:
    state = await lease.store.state(lease.rollup)
    # There are none if a check has discarded them already.
    cells = (
        state.get("cells") and await lease.store.database[state["cells"]].estimated_document_count()
    )
    _log.info("a rollup is built", rollup=lease.rollup.name, seconds=round(seconds, 1), cells=cells)


async def _check(lease: Lease) -> None:
    """Compares some cells with documents every `CHECK_SECONDS`; raises `Gap` if one differs."""
    while True:
        # A random pause, so that checks do not always meet a job that runs as regularly.
        await asyncio.sleep(CHECK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            differences = await verify_some(lease.store, lease.rollup)
        except OperationFailure as error:
            reason = first_words(error)
            _log.info("a check of cells failed", rollup=lease.rollup.name, reason=reason)
            continue
        for difference in differences:
            _log.error("a cell differs from a fresh count", cell=str(difference))
        if differences:
            raise Gap("cells differ from a fresh count")
