"""Keeping a rollup: whoever has its lease builds it, follows its collection, and checks it."""

import asyncio
import random
from typing import Any, Final

import structlog
from pymongo.errors import OperationFailure, PyMongoError

from cancelling import first
from errors import StartupError, first_words
from rollups.keeper.build import build
from rollups.keeper.follow import Gap, follow
from rollups.keeper.lease import Kept, Lost, Store
from rollups.keeper.verify import verify_some
from rollups.layout.rollup import ROLLUPS, Rollup

_log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 180.0
"""How often cells are compared with documents, about."""

_LATER_SECONDS: Final = 60.0
_IMAGES: Final[dict[str, Any]] = {"changeStreamPreAndPostImages": {"enabled": True}}
_NOT_ALLOWED: Final = 13
_GONE: Final = 26
_THERE_ALREADY: Final = 48
# MongoDB 6.0, by the version of what it speaks.
_IMAGES_SINCE: Final = 17


async def keep(store: Store, rollup: Rollup, owner: str) -> None:
    """Keeps a rollup whenever nobody else does, for good. What is in the way is logged once."""
    said = ""
    loop = asyncio.get_running_loop()
    while True:
        began, reason = loop.time(), ""
        pause = store.lease_seconds / 3
        try:
            kept = await store.take(rollup, owner)
            if kept is not None:
                async with kept:
                    await _kept(kept)
        except Lost:
            reason = "somebody else keeps it, or its cells were found to be wrong"
        except PyMongoError as error:
            reason = first_words(error)
        except StartupError as error:
            reason, pause = str(error), _LATER_SECONDS
        except Exception as error:
            # Of what nobody foresaw the log says where; the others may do without.
            _log.exception("keeping a rollup failed", rollup=rollup.name, exc_info=error)
            pause = _LATER_SECONDS
        was_kept = loop.time() - began > store.lease_seconds
        if reason and (was_kept or reason != said):
            _log.warning("a rollup can't be kept for now", rollup=rollup.name, reason=reason)
        said = reason or said
        await asyncio.sleep(pause)


async def _kept(kept: Kept) -> None:
    while True:
        # One that was dropped is not made: that would be in the way of who swaps or restores it.
        await _keep_images(kept.rollup)
        state = await kept.store.state(kept.rollup)
        if not state.get("cells") or state["declaration"] != kept.rollup.declaration:
            _log.info("a rollup is built", rollup=kept.rollup.name)
            await build(kept)
        try:
            await first(follow(kept), _check(kept))
        except Gap as gap:
            _log.warning("a rollup is built anew", rollup=kept.rollup.name, reason=str(gap))
            # From now on queries are answered live.
            await kept.write({"cells": None})


async def _check(kept: Kept) -> None:
    """Compares some cells with documents every now and then; raises `Gap` if one differs."""
    while True:
        # Not always when something else happens as regularly.
        await asyncio.sleep(CHECK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            differences = await verify_some(kept.store, kept.rollup)
        except OperationFailure as error:
            _log.info("cells were not checked", rollup=kept.rollup.name, reason=first_words(error))
            continue
        for difference in differences:
            _log.error("a kept cell is wrong", cell=str(difference))
        if differences:
            raise Gap("its cells are not what a fresh count finds")


async def supported(store: Store) -> None:
    """Raises `StartupError` where rollups can't be kept, whatever the credentials."""
    hello = await store.database.command("hello")
    if "setName" not in hello:
        raise StartupError(
            "Rollups need a replica set, which may have one member: this MongoDB "
            + ("is a sharded cluster." if "msg" in hello else "stands alone.")
        )
    if hello["maxWireVersion"] < _IMAGES_SINCE:
        raise StartupError("Rollups need MongoDB 6.0 or later.")


async def ready(store: Store) -> None:
    """Prepares all rollups to be kept; raises `StartupError` where they can't be."""
    await supported(store)
    for rollup in ROLLUPS:
        await prepare(rollup)
        try:
            await store.register(rollup)
        except OperationFailure as error:
            if error.code != _NOT_ALLOWED:
                raise
            raise StartupError(
                f"The credentials may not write into the database {store.database.name}, where "
                "cells are to be kept: grant them readWrite there."
            ) from error


async def prepare(rollup: Rollup) -> None:
    """Has MongoDB keep what documents were before a change; raises `StartupError`.

    A collection that is not there yet is made.
    """
    source = rollup.source.get_pymongo_collection()
    if not await source.database.list_collection_names(filter={"name": source.name}):
        try:
            await source.database.create_collection(source.name, check_exists=False, **_IMAGES)
        except OperationFailure as error:
            if error.code != _THERE_ALREADY:
                raise
    await _keep_images(rollup)


async def _keep_images(rollup: Rollup) -> None:
    source = rollup.source.get_pymongo_collection()
    if (await source.options()).get("changeStreamPreAndPostImages", {}).get("enabled"):
        return
    try:
        await source.database.command("collMod", source.name, allowable_errors=[_GONE], **_IMAGES)
    except OperationFailure as error:
        if error.code != _NOT_ALLOWED:
            raise
        raise StartupError(
            f"The credentials may not change {rollup.name}. Let somebody who may run, once: "
            f"db.getSiblingDB({source.database.name!r}).runCommand({{collMod: {source.name!r}, "
            "changeStreamPreAndPostImages: {enabled: true}})"
        ) from error
