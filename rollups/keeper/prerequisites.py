"""Prerequisites of rollups: a replica set, rights, and pre-images of the followed collections."""

from collections.abc import Iterable
from typing import Any, Final

from pymongo.errors import OperationFailure

from errors import StartupError
from rollups.keeper.store import RollupStore
from rollups.layout.rollup import Rollup

_PRE_IMAGES: Final[dict[str, Any]] = {"changeStreamPreAndPostImages": {"enabled": True}}
_UNAUTHORIZED: Final = 13
_NAMESPACE_NOT_FOUND: Final = 26
_NAMESPACE_EXISTS: Final = 48
_WIRE_VERSION_OF_MONGODB_6_0: Final = 17


async def check_server(store: RollupStore) -> None:
    """Raises `StartupError` if the MongoDB can't have rollups, whatever the credentials."""
    hello = await store.database.command("hello")
    if "setName" not in hello:
        raise StartupError(
            "Rollups need a replica set, which may have one member: this MongoDB "
            + ("is a sharded cluster." if "msg" in hello else "stands alone.")
        )
    if hello["maxWireVersion"] < _WIRE_VERSION_OF_MONGODB_6_0:
        raise StartupError("Rollups need MongoDB 6.0 or later.")


async def prepare(store: RollupStore, rollups: Iterable[Rollup]) -> None:
    """Creates what is missing: collections, their pre-images, state documents.

    Raises `StartupError` if the MongoDB can't have rollups, or a right is missing.
    """
    await check_server(store)
    for rollup in rollups:
        await _create_collection(rollup)
        await enable_pre_images(rollup)
        try:
            await store.register(rollup)
        except OperationFailure as error:
            if error.code != _UNAUTHORIZED:
                raise
            raise StartupError(
                f"The credentials may not write into the database {store.database.name}, where "
                "the rollups are: grant them readWrite there."
            ) from error


async def enable_pre_images(rollup: Rollup) -> None:
    """Has MongoDB store each document's state before a change; raises `StartupError`.

    Does nothing if the collection does not exist.
    """
    source = rollup.source.get_pymongo_collection()
    if (await source.options()).get("changeStreamPreAndPostImages", {}).get("enabled"):
        return
    try:
        await source.database.command(
            "collMod", source.name, allowable_errors=[_NAMESPACE_NOT_FOUND], **_PRE_IMAGES
        )
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise StartupError(
            f"The credentials may not change {rollup.name}. Run once, as a user with the role "
            f"dbAdmin: db.getSiblingDB({source.database.name!r}).runCommand({{collMod: "
            f"{source.name!r}, changeStreamPreAndPostImages: {{enabled: true}}}})"
        ) from error


async def _create_collection(rollup: Rollup) -> None:
    source = rollup.source.get_pymongo_collection()
    if await source.database.list_collection_names(filter={"name": source.name}):
        return
    try:
        await source.database.create_collection(source.name, check_exists=False, **_PRE_IMAGES)
    except OperationFailure as error:
        if error.code == _UNAUTHORIZED:
            raise StartupError(
                f"The credentials may not create {rollup.name}. Run once, as a user with the role "
                f"dbAdmin: db.getSiblingDB({source.database.name!r}).createCollection("
                f"{source.name!r}, {{changeStreamPreAndPostImages: {{enabled: true}}}})"
            ) from error
        if error.code != _NAMESPACE_EXISTS:
            raise
