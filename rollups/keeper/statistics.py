"""Statistics of cells, by which readers decide what is cheaper to read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cubes.declaration import Stage
from documents.reads import BY_CODE_POINT
from rollups.keeper.store import CellCollection
from rollups.layout.level import DOCUMENTS, TIME_PATH, Level
from rollups.layout.rollup import Rollup

_SAMPLED: Final = 1_000
"""The cells of a level that are counted: the newest."""
_KEYS: Final = 100
"""The keys of a level that are recorded: those with the most documents."""
_KEY_BYTES: Final = 200
"""The longest key that is recorded: the state document can't hold all of any length."""


async def statistics(
    cells: CellCollection, rollup: Rollup, until: datetime
) -> Sequence[Mapping[str, Any]]:
    """The statistics of levels with a granularity (`ReadCosts`), from cells before `until`."""
    found: list[Mapping[str, Any]] = []
    for level in rollup.levels:
        if level.granularity is None:
            continue
        counting = await cells.aggregate(_counted(level, until), collation=BY_CODE_POINT)
        counts = await counting.to_list()
        if not counts:
            continue
        first, last = min(each["first"] for each in counts), max(each["last"] for each in counts)
        buckets = (last - first) / level.granularity + 1
        found += [
            {
                "level": level.name,
                "key": each["_id"],
                "cells": each["cells"] / buckets,
                "documents": each[DOCUMENTS] / buckets,
            }
            for each in counts
        ]
    return found


def _counted(level: Level, until: datetime) -> list[Stage]:
    """The stages that count cells and documents by the selective dimension."""
    path = level.selective_path
    return [
        {"$match": {"level": level.name, DOCUMENTS: {"$ne": 0}, TIME_PATH: {"$lt": until}}},
        {"$sort": {TIME_PATH: -1}},
        {"$limit": _SAMPLED},
        {
            "$group": {
                "_id": path and f"${path}",
                "cells": {"$sum": 1},
                DOCUMENTS: {"$sum": f"${DOCUMENTS}"},
                "first": {"$min": f"${TIME_PATH}"},
                "last": {"$max": f"${TIME_PATH}"},
            }
        },
        {"$match": {"$expr": {"$lte": [{"$bsonSize": {"key": "$_id"}}, _KEY_BYTES]}}},
        {"$sort": {DOCUMENTS: -1}},
        {"$limit": _KEYS},
    ]
