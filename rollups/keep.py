"""Keeping a rollup: whoever has its lease builds it, follows its collection, and sweeps it."""

import asyncio
from typing import Any, Final

import structlog
from pymongo.errors import OperationFailure, PyMongoError

from cubes.rollup import Rollup
from errors import StartupError, first_words
from rollups.build import build
from rollups.follow import Gap, follow
from rollups.store import LEASE_SECONDS, Kept, Lost, Store

_log = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = LEASE_SECONDS / 3
_NOT_ALLOWED: Final = 13
_NO_SUCH_COLLECTION: Final = 26


async def keep(store: Store, rollup: Rollup, owner: str) -> None:
    """Keeps a rollup whenever nobody else does, for good. What is in the way is logged once."""
    said = ""
    while True:
        reason = ""
        try:
            kept = await store.take(rollup, owner)
            if kept is not None:
                await _kept(kept)
        except Lost:
            reason = "somebody else keeps it"
        except (PyMongoError, StartupError) as error:
            reason = first_words(error)
        if reason and reason != said:
            _log.warning("a rollup can't be kept for now", rollup=rollup.name, reason=reason)
        said = reason or said
        await asyncio.sleep(_AGAIN_SECONDS)


async def _kept(kept: Kept) -> None:
    try:
        await prepare(kept.rollup)
        while True:
            state = await kept.store.state(kept.rollup)
            if not state.get("cells") or state["declaration"] != kept.rollup.declaration:
                _log.info("a rollup is built", rollup=kept.rollup.name)
                await build(kept)
            try:
                await follow(kept)
            except Gap as gap:
                _log.warning("a rollup is built anew", rollup=kept.rollup.name, reason=str(gap))
                await kept.write({"cells": None})
    except asyncio.CancelledError:
        await kept.release()
        raise


async def prepare(rollup: Rollup) -> None:
    """Has MongoDB keep what documents were before a change; raises `StartupError`."""
    source = rollup.source.get_pymongo_collection()
    images: dict[str, Any] = {"changeStreamPreAndPostImages": {"enabled": True}}
    if (await source.options()).get("changeStreamPreAndPostImages", {}).get("enabled"):
        return
    try:
        await source.database.command("collMod", source.name, **images)
    except OperationFailure as error:
        if error.code == _NO_SUCH_COLLECTION:
            await source.database.create_collection(source.name, **images)
        elif error.code == _NOT_ALLOWED:
            raise StartupError(
                f"The credentials may not change {rollup.name}. Let somebody who may run, once: "
                f"db.getSiblingDB({source.database.name!r}).runCommand({{collMod: {source.name!r}, "
                "changeStreamPreAndPostImages: {enabled: true}})"
            ) from error
        else:
            raise
