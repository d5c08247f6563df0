"""Verifying a rollup: its cells against a fresh count of the documents, as of the same time."""

from collections.abc import AsyncIterator, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from cubes.cube import Stage, exact
from cubes.key import key_of
from cubes.rollup import Rollup
from documents.reads import BY_CODE_POINT, AsOf
from errors import StartupError
from rollups.moment import moment
from rollups.store import Store


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that is not what a fresh count finds; None where there is none."""

    level: str
    key: Mapping[str, Any]
    kept: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None


async def verify(store: Store, rollup: Rollup) -> AsyncIterator[Difference]:
    """Each difference, and no other; raises `StartupError` where no cells are kept."""
    as_of = AsOf((await moment(store.database)).time)
    states = store.states.with_options(read_concern=as_of)
    state = await states.find_one({"_id": rollup.name}) or {}
    if not state.get("cells"):
        raise StartupError(f"{rollup.name} has no cells yet: run 'headcount rollups build'.")
    cells = store.database[state["cells"]].with_options(read_concern=as_of)
    source = rollup.source.get_pymongo_collection()
    source = source.with_options(read_concern=AsOf(state["position"]))
    kept = await _found(cells, [{"$match": {"documents": {"$ne": 0}}}])
    counted = dict[Hashable, Mapping[str, Any]]()
    for level in rollup.levels:
        counted |= await _found(source, level.cells())
    for cell in kept | counted:
        difference = [found.get(cell) and _sums(found[cell]) for found in (kept, counted)]
        if difference[0] != difference[1]:
            shown = kept.get(cell) or counted[cell]
            yield Difference(shown["level"], shown["key"], *difference)


async def _found(
    collection: AsyncCollection[dict[str, Any]], pipeline: list[Stage]
) -> dict[Hashable, Mapping[str, Any]]:
    found = await collection.aggregate(pipeline, allowDiskUse=True, collation=BY_CODE_POINT)
    return {
        (cell["level"], *((name, key_of(value)) for name, value in cell["key"].items())): cell
        async for cell in found
    }


def _sums(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    measures = {name: exact(value) for name, value in cell["measures"].items()}
    return {"documents": cell["documents"], **measures}
