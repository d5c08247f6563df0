"""The command `headcount rollups status`."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import click
from strawberry.utils.str_converters import to_camel_case

from resolvers.families import slices_of_kpis
from rollups.keeper.cell_collections import NOT_EMPTY
from rollups.keeper.cluster_time import MajorityTime, majority_time
from rollups.keeper.reads import recorded
from rollups.keeper.store import CellCollection, RollupStore, State
from rollups.layout.level import Level
from rollups.layout.rollup import Rollup, rollups
from server.commands.rollups import obstacle, print_live, run_with_store
from server.settings import Settings

_RATE_SECONDS: Final = 1.0


def print_status(settings: Settings) -> None:
    """Prints lag, changes per second and keeper of each rollup, and figures of its levels.

    They are cells, bytes, reads and the KPIs that read the level.

    A rollup that can't be maintained has the reason. Other declarations of a rollup have a line
    each.
    """

    async def run(store: RollupStore) -> None:
        before = [await store.state(rollup) for rollup in rollups(settings.catalog)]
        await asyncio.sleep(_RATE_SECONDS)
        now = await majority_time(store.database)
        reads = await recorded(store)
        click.echo(_servers(reads.started_at))
        for rollup, earlier in zip(rollups(settings.catalog), before, strict=True):
            state = await store.state(rollup)
            if reason := await obstacle(rollup):
                print_live(rollup, reason)
            elif state.get("cells"):
                changes = state.get("changes", 0) - earlier.get("changes", 0)
                _print_built(rollup, state, now, changes / _RATE_SECONDS)
                await _print_levels(store.database[state["cells"]], rollup, reads.by_level)
            else:
                click.echo(
                    f"{rollup.name}: not built: the log of a server, or of "
                    "'headcount rollups run', says why, or that it builds"
                )
            if state.get("building"):
                click.echo(f"  building: {await _progress(rollup, state['building'])}")
            for other in await store.other_states(rollup):
                click.echo(f"  other declaration {other['_id']}: {_keeper(other, now)}")

    run_with_store(settings, run)


def _print_built(rollup: Rollup, state: State, now: MajorityTime, rate: float) -> None:
    lag = max(0, (now.at - state["as_of"]).total_seconds())
    verified_at = state.get("verified_at")
    verified = f"verified {_time(verified_at)}" if verified_at else "not verified since"
    click.echo(
        f"{rollup.name}: lag {lag:.1f} s, {rate:,.0f} changes/s, {_keeper(state, now)}, "
        f"built {_time(state['built_at'])}, {verified}"
    )


async def _print_levels(cells: CellCollection, rollup: Rollup, reads: Mapping[str, int]) -> None:
    found = await _cells_by_level(cells)
    readers = _readers(rollup)
    for level in rollup.levels:
        number, size = found.get(level.name, (0, 0))
        click.echo(
            f"  {_printed(level)}: {_counted(number, 'cell')}, {_counted(size, 'byte')}, "
            f"{_counted(reads.get(level.name, 0), 'read')}"
        )
        for family, kpis in readers[level].items():
            click.echo(f"    read by {family}: {', '.join(kpis)}")


async def _progress(rollup: Rollup, building: Mapping[str, Any]) -> str:
    """How far a build is after its last whole range."""
    total = await rollup.source.get_pymongo_collection().estimated_document_count()
    read: int = building["documents"]
    left = building["seconds"] * max(0, total - read) / read
    return f"{read:,} of about {total:,} documents, {timedelta(seconds=round(left))} left"


def _servers(started_at: Sequence[datetime]) -> str:
    if not started_at:
        return "No server has recorded reads in the last minute."
    return (
        f"Reads of {_counted(len(started_at), 'server')}, the first since {_time(started_at[0])}."
    )


def _keeper(state: State, now: MajorityTime) -> str:
    ended = state.get("expires_at") or state.get("as_of")
    if ended and ended > now.at:
        return f"keeper {state['owner']}"
    return f"no keeper since {_time(ended)}" if ended else "never had a keeper"


def _printed(level: Level) -> str:
    # Cells contain the name: another name would be another declaration, whose cells are built anew.
    name = replace(level, granularity=None).name
    if not level.dimensions:
        name = f"{level.cube.name} in total"
    if level.granularity is None:
        return name
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    unit, length = next(each for each in units.items() if not level.granularity % each[1])
    number = level.granularity // length
    return f"{name} in buckets of {_counted(number, unit)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


async def _cells_by_level(cells: CellCollection) -> dict[str, tuple[int, int]]:
    """Level's name → (number of cells, their bytes without indexes and compression)."""
    sums = {"cells": {"$sum": 1}, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}
    counted = await cells.aggregate([NOT_EMPTY, {"$group": {"_id": "$level", **sums}}])
    return {each["_id"]: (each["cells"], each["bytes"]) async for each in counted}


def _readers(rollup: Rollup) -> Mapping[Level, Mapping[str, Sequence[str]]]:
    """For each level, the KPIs that read it: family → names, both as in GraphQL."""
    readers = {level: defaultdict[str, list[str]](list) for level in rollup.levels}
    cubes = {cube.name: cube for cube in rollup.cubes}
    for name, one in slices_of_kpis():
        family, kpi = name.split(".")
        if one.cube.name in cubes:
            for level in rollup.levels_for(cubes[one.cube.name], one.dimensions):
                if (field := to_camel_case(kpi)) not in readers[level][family]:
                    readers[level][family].append(field)
    return readers
