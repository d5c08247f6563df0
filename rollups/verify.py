"""Verifying a rollup: its cells against a fresh count of the documents, as of the same time."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from cubes.cube import Stage, exact
from cubes.key import key_of
from cubes.rollup import Rollup
from documents.reads import BY_CODE_POINT, AsOf
from errors import StartupError
from rollups.moment import moment
from rollups.store import Store

_Collection = AsyncCollection[dict[str, Any]]
_Cells = Mapping[Hashable, Mapping[str, Any]]

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
    kept = await _found(cells, [_THERE])
    counted = dict[Hashable, Mapping[str, Any]]()
    for level in rollup.levels:
        counted.update(await _found(source, level.cells()))
    differences = [*_differences(kept, counted)]
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
            kept = await _found(cells, [{"$match": {"level": level.name}}, *_of(cell), _THERE])
            counted = await (
                _found(source, [*level.documents_of(cell["key"]), *level.cells(), *_of(cell)])
                if level is finer
                else _found(cells, [*level.of_finer(finer, cell["key"]), *_of(cell), _THERE])
            )
            differences += _differences(kept, counted)
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
    source = rollup.source.get_pymongo_collection()
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


async def _found(collection: _Collection, pipeline: list[Stage]) -> _Cells:
    found = await collection.aggregate(pipeline, allowDiskUse=True, collation=BY_CODE_POINT)
    return {
        (cell["level"], *((name, key_of(value)) for name, value in cell["key"].items())): cell
        async for cell in found
    }


def _differences(kept: _Cells, counted: _Cells) -> Iterator[Difference]:
    for cell in {**kept, **counted}:
        sums = [found.get(cell) and _sums(found[cell]) for found in (kept, counted)]
        if sums[0] != sums[1]:
            shown = kept.get(cell) or counted[cell]
            yield Difference(shown["level"], shown["key"], *sums)


def _sums(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    measures = {name: exact(value) for name, value in cell["measures"].items()}
    return {"documents": cell["documents"], **measures}
