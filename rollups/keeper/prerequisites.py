"""Prerequisites of rollups: a replica set, rights, ordinary collections, and their pre-images."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pymongo.errors import OperationFailure

from cubes.declaration import Stage
from errors import StartupError
from rollups.keeper.store import RollupStore, source_of
from rollups.layout.rollup import Rollup

_PRE_IMAGES: Final[dict[str, Any]] = {"changeStreamPreAndPostImages": {"enabled": True}}
_ORDINARY: Final = "collection"
_KINDS: Final = {"collection": _ORDINARY, "view": "view", "timeseries": "time-series collection"}
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


async def prepare(store: RollupStore, rollup: Rollup) -> None:
    """Creates what is missing: the collection, its pre-images, the state document.

    Raises `StartupError` if the collection can't be followed, or a right is missing.
    """
    await _create_collection(rollup)
    await check_source(rollup)
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


async def prepare_all(store: RollupStore, rollups: Iterable[Rollup]) -> Mapping[Rollup, str]:
    """Prepares rollups. Returns those that can't be maintained, and why.

    Raises `StartupError` if the MongoDB can't have rollups.
    """
    await check_server(store)
    reasons = {}
    for rollup in rollups:
        try:
            await prepare(store, rollup)
        except StartupError as error:
            reasons[rollup] = str(error)
    return reasons


async def check_source(rollup: Rollup) -> None:
    """Raises `StartupError` if a collection can't be followed, or the credentials may not do so.

    A collection that does not exist passes.
    """
    await _options(rollup)
    try:
        changes: list[Stage] = [{"$changeStream": {}}]
        await (await source_of(rollup).aggregate(changes)).close()
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise StartupError(
            f"The credentials may not follow {rollup.name}: grant them the role read on the "
            f"database {rollup.source.get_pymongo_collection().database.name}."
        ) from error


async def enable_pre_images(rollup: Rollup) -> None:
    """Has MongoDB store each document's state before a change.

    Does nothing if the collection does not exist. Raises `StartupError` if it can't be followed, or
    the credentials may not change it.
    """
    source = rollup.source.get_pymongo_collection()
    options = await _options(rollup) or {}
    if options.get("changeStreamPreAndPostImages", {}).get("enabled"):
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


async def _options(rollup: Rollup) -> Mapping[str, Any] | None:
    """The options of a rollup's collection; None if it does not exist.

    Raises `StartupError` for a view, a time-series collection, which have no change stream, and for
    a capped collection: its change stream leaves out what it drops, and it has no snapshots.
    """
    source = rollup.source.get_pymongo_collection()
    try:
        found = await source.database.list_collections(filter={"name": source.name})
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise StartupError(
            f"The credentials may not see what {rollup.name} is: grant them the role read on the "
            f"database {source.database.name}."
        ) from error
    for each in await found.to_list():
        options: Mapping[str, Any] = each["options"]
        kind = "capped collection" if options.get("capped") else _KINDS[each["type"]]
        if kind != _ORDINARY:
            raise StartupError(
                f"{rollup.name} is a {kind}: only an ordinary collection can be followed."
            )
        return options
    return None


async def _create_collection(rollup: Rollup) -> None:
    source = rollup.source.get_pymongo_collection()
    if await _options(rollup) is not None:
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
