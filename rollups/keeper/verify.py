"""Verifying a rollup: its cells against a fresh count of the documents, as of the same time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from cubes.cells import exact
from cubes.cube import Stage
from cubes.keys import key_of, value_of
from documents.reads import BY_CODE_POINT, AsOf
from errors import StartupError
from rollups.keeper.cluster_time import moment
from rollups.keeper.lease import Store
from rollups.layout.rollup import Rollup

_Collection = AsyncCollection[dict[str, Any]]
_Cell = Mapping[str, Any]

_THERE: Final[Stage] = {"$match": {"documents": {"$ne": 0}}}


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is not what a fresh count finds; None where there is none."""

    level: str
    key: Mapping[str, Any]
    kept: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None

    def __str__(self) -> str:
        return f"{self.level}, {dict(self.key)}: kept {self.kept}, counted {self.counted}"


async def verify(store: Store, rollup: Rollup) -> list[Difference]:
    """All differences; cells that differ are not read any more, and built anew.

    Raises `StartupError` where no cells are kept.
    """
    compared = await _as_of_now(store, rollup)
    if compared is None:
        raise StartupError(f"{rollup.name} has no cells yet: run 'headcount rollups build'.")
    cells, source = compared
    differences = [
        difference
        for level in rollup.levels
        for difference in await _differences(
            _cells(cells, [{"$match": {"level": level.name}}, _THERE]),
            _cells(source, level.cells()),
        )
    ]
    await store.note_check(rollup, cells.name, len(differences))
    return differences


async def verify_some(store: Store, rollup: Rollup) -> list[Difference]:
    """The differences of cells that chance picks: one of each cube, and coarser ones of it.

    A cell is picked from those that are kept, or is that of a document: one may be missing.
    """
    compared = await _as_of_now(store, rollup)
    if compared is None:
        return []
    cells, source = compared
    differences = list[Difference]()
    finest = {level.cube: level for level in reversed(rollup.levels)}
    for level in rollup.levels:
        finer = finest[level.cube]
        picks = [await _picked(cells, [{"$match": {"level": level.name}}, _THERE])]
        if level is finer:
            picks.append(await _picked(source, [], level.cells()))
        for cell in filter(None, picks):
            differences += await _differences(
                _cells(cells, [{"$match": {"level": level.name}}, *_of(cell), _THERE]),
                _cells(source, [*level.documents_of(cell["key"]), *level.cells(), *_of(cell)])
                if level is finer
                else _cells(cells, [*level.cells_of_finer(finer, cell["key"]), *_of(cell), _THERE]),
            )
    await store.note_check(rollup, cells.name, len(differences))
    return differences


async def _as_of_now(store: Store, rollup: Rollup) -> tuple[_Collection, _Collection] | None:
    """A rollup's cells as of now, and its documents as of the time that these are of."""
    as_of = AsOf((await moment(store.database)).time)
    states = store.states.with_options(read_concern=as_of)
    state = await states.find_one({"_id": rollup.name}) or {}
    if not state.get("cells"):
        return None
    cells = store.database[state["cells"]].with_options(read_concern=as_of)
    source = store.source(rollup)
    return cells, source.with_options(read_concern=AsOf(state["position"]))


def _of(cell: Mapping[str, Any]) -> list[Stage]:
    return [{"$match": {"key": {"$eq": cell["key"]}}}]


async def _picked(
    collection: _Collection, where: list[Stage], cells: Sequence[Stage] = ()
) -> Mapping[str, Any] | None:
    """A document that chance picks, or its cell."""
    picking: list[Stage] = [*where, {"$sample": {"size": 1}}, *cells]
    found = await collection.aggregate(picking, collation=BY_CODE_POINT)
    return next(iter(await found.to_list()), None)


async def _cells(collection: _Collection, pipeline: list[Stage]) -> AsyncIterator[_Cell]:
    found = await collection.aggregate(pipeline, allowDiskUse=True, collation=BY_CODE_POINT)
    async with found:
        async for cell in found:
            yield cell


async def _differences(
    kept: AsyncIterator[_Cell], counted: AsyncIterator[_Cell]
) -> list[Difference]:
    # There may be a million: of those that agree only keys and numbers are held, and once.
    sums = {_key(cell): _sums(cell) async for cell in kept}
    differences = list[Difference]()
    async for cell in counted:
        key, now = _key(cell), _sums(cell)
        if (was := sums.pop(key, None)) != now:
            differences.append(Difference(*_shown(key), was, now))
    return [*differences, *(Difference(*_shown(key), was, None) for key, was in sums.items())]


def _key(cell: _Cell) -> tuple[Any, ...]:
    return cell["level"], *((name, key_of(value)) for name, value in cell["key"].items())


def _shown(key: tuple[Any, ...]) -> tuple[str, Mapping[str, Any]]:
    level, *dimensions = key
    return level, {name: value_of(value) for name, value in dimensions}


def _sums(cell: _Cell) -> Mapping[str, Any]:
    measures = {name: exact(value) for name, value in cell["measures"].items()}
    return {"documents": cell["documents"], **measures}
