"""Verifying a rollup: its cells are compared with a fresh count as of the same cluster time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from cubes.cells import exact
from cubes.declaration import Stage
from cubes.keys import key_of, value_of
from documents.reads import BY_CODE_POINT, SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE, AsOf
from errors import StartupError
from rollups.keeper.cell_collections import NOT_EMPTY
from rollups.keeper.cluster_time import majority_time
from rollups.keeper.store import RollupStore, source_of
from rollups.layout.level import DOCUMENTS
from rollups.layout.rollup import Rollup

_Collection = AsyncCollection[dict[str, Any]]
_Cell = Mapping[str, Any]
_Key = tuple[Any, ...]
_Sums = Mapping[str, Any]

_UNREADABLE_TIMES: Final = frozenset({SNAPSHOT_TOO_OLD, SNAPSHOT_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell whose stored numbers differ from a fresh count; None stands for no cell."""

    level: str
    key: Mapping[str, Any]
    stored: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None

    def __str__(self) -> str:
        return f"{self.level}, {dict(self.key)}: stored {self.stored}, counted {self.counted}"


async def verify(store: RollupStore, rollup: Rollup) -> list[Difference]:
    """Compares all cells. If any differ, readers stop using the cells and the keeper rebuilds them.

    Raises `StartupError` if the rollup has no cells, or MongoDB can't read at their time.
    """
    snapshots = await _snapshots(store, rollup)
    if snapshots is None:
        raise StartupError(
            f"{rollup.name} has no cells yet: run 'headcount rollups build', or wait for the "
            "server that builds them ('headcount rollups status')."
        )
    cells, source = snapshots
    try:
        differences = [
            difference
            for level in rollup.levels
            for difference in await _differences(
                _cells(cells, [{"$match": {"level": level.name}}, NOT_EMPTY]),
                _cells(source, level.cells()),
            )
        ]
    except OperationFailure as error:
        if error.code not in _UNREADABLE_TIMES:
            raise
        raise StartupError(
            f"MongoDB can't read {rollup.name} as of the cells' time, which lies before its start "
            "or its history: let 'headcount rollups run' or a server bring the cells up to date."
        ) from error
    await store.record_check(rollup, cells.name, len(differences))
    return differences


async def verify_some(store: RollupStore, rollup: Rollup) -> list[Difference]:
    """Compares one random cell of each level: finest levels with documents, others with finer ones.

    For each finest level, also compares the cell of a random document, which finds missing cells.
    Compares the totals of a cube's levels, which finds cells that a dump brought back. Does nothing
    if the rollup has no cells.
    """
    snapshots = await _snapshots(store, rollup)
    if snapshots is None:
        return []
    cells, source = snapshots
    differences = await _differing_totals(cells, rollup)
    for level, finer in rollup.finer.items():
        picks = [await _sample(cells, [{"$match": {"level": level.name}}, NOT_EMPTY])]
        if finer is None:
            picks.append(await _sample(source, [], level.cells()))
        for cell in filter(None, picks):
            differences += await _differences(
                _cells(cells, [{"$match": {"level": level.name}}, *_same_key(cell), NOT_EMPTY]),
                _cells(source, [*level.documents_of(cell["key"]), *level.cells(), *_same_key(cell)])
                if finer is None
                else _cells(
                    cells, [*level.cells_of_finer(finer, cell["key"]), *_same_key(cell), NOT_EMPTY]
                ),
            )
    await store.record_check(rollup, cells.name, len(differences))
    return differences


async def _differing_totals(cells: _Collection, rollup: Rollup) -> list[Difference]:
    """The levels that sum up another number of documents than their cube's first level."""
    totals: list[Stage] = [
        NOT_EMPTY,
        {"$group": {"_id": "$level", DOCUMENTS: {"$sum": f"${DOCUMENTS}"}}},
    ]
    found = {each["_id"]: each[DOCUMENTS] async for each in _cells(cells, totals)}
    first = {level.cube: found.get(level.name, 0) for level in reversed(rollup.levels)}
    return [
        Difference(level.name, {}, {DOCUMENTS: stored}, {DOCUMENTS: first[level.cube]})
        for level in rollup.levels
        if (stored := found.get(level.name, 0)) != first[level.cube]
    ]


async def _snapshots(store: RollupStore, rollup: Rollup) -> tuple[_Collection, _Collection] | None:
    """The cells as of now, and the documents as of the cells' resume position."""
    now = AsOf((await majority_time(store.database)).cluster_time)
    states = store.states.with_options(read_concern=now)
    state = await states.find_one({"_id": rollup.state_id}) or {}
    if not state.get("cells"):
        return None
    cells = store.database[state["cells"]].with_options(read_concern=now)
    source = source_of(rollup)
    return cells, source.with_options(read_concern=AsOf(state["position"]))


def _same_key(cell: _Cell) -> list[Stage]:
    return [{"$match": {"key": {"$eq": cell["key"]}}}]


async def _sample(
    collection: _Collection, where: list[Stage], cells: Sequence[Stage] = ()
) -> _Cell | None:
    """A random document of a collection, through the stages that make it a cell.

    It is left encoded: the driver can't encode each key as MongoDB has it.
    """
    pipeline: list[Stage] = [*where, {"$sample": {"size": 1}}, *cells]
    raw = collection.codec_options.with_options(document_class=RawBSONDocument)
    encoded = collection.with_options(codec_options=raw)
    found = await encoded.aggregate(pipeline, collation=BY_CODE_POINT)
    return next(iter(await found.to_list()), None)


async def _cells(collection: _Collection, pipeline: list[Stage]) -> AsyncIterator[_Cell]:
    found = await collection.aggregate(pipeline, allowDiskUse=True, collation=BY_CODE_POINT)
    async with found:
        async for cell in found:
            yield cell


async def _differences(
    stored: AsyncIterator[_Cell], counted: AsyncIterator[_Cell]
) -> list[Difference]:
    # There may be a million cells: only keys and numbers of one side are in memory.
    # The driver can decode different keys to equal values, as strings of invalid UTF-8: such cells
    # are added up.
    sums = dict[_Key, _Sums]()
    async for cell in stored:
        key = _key(cell)
        sums[key] = _added(sums.get(key), _sums(cell))
    unequal = dict[_Key, tuple[_Sums | None, _Sums | None]]()
    async for cell in counted:
        key = _key(cell)
        found, before = unequal.get(key) or (sums.pop(key, None), None)
        expected = _added(before, _sums(cell))
        if found != expected or before is not None:
            unequal[key] = found, expected
    unequal |= {key: (found, None) for key, found in sums.items()}
    return [
        Difference(*_printable(key), found, expected)
        for key, (found, expected) in unequal.items()
        if found != expected
    ]


def _added(one: _Sums | None, other: _Sums) -> _Sums:
    return other if one is None else {name: one[name] + other[name] for name in other}


def _key(cell: _Cell) -> _Key:
    return cell["level"], *((name, key_of(value)) for name, value in cell["key"].items())


def _printable(key: _Key) -> tuple[str, Mapping[str, Any]]:
    level, *dimensions = key
    return level, {name: value_of(value) for name, value in dimensions}


def _sums(cell: _Cell) -> _Sums:
    measures = {name: exact(value) for name, value in cell["measures"].items()}
    return {"documents": cell["documents"], **measures}
