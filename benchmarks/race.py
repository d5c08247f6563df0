"""Checks that the contenders of an operation agree, then measures them in turn."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import httpx
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from tqdm import tqdm

from benchmarks import report
from benchmarks.contenders import Headcount, post, served
from benchmarks.data.dataset import NOW
from benchmarks.operations import Operation, operations
from benchmarks.reference import Reference
from benchmarks.replay import CommandRecorder, Disagreement, groups, one_by_one, side_by_side
from server.database import connect
from server.settings import Settings

SLOW_ROUNDS: Final = 2
"""Rounds of a slow reference."""

Contender = Callable[[], Awaitable[str | bytes | None]]
"""Runs once; returns the response as JSON, or None if it makes no response."""


async def measure(uri: str, settings: Settings, rounds: int) -> Mapping[str, report.Times]:
    """Call → contender → milliseconds. Raises `Disagreement` if responses differ."""
    recorder, headcount = CommandRecorder(), Headcount(settings, NOW)
    async with (
        connect(uri, settings, recorder),
        AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as mongo,
        served(uri, settings) as client,
    ):
        database = mongo[settings.database]
        timed = await operations(database)
        measured = {}
        with tqdm(total=len(timed) * rounds, unit=" rounds", desc="Benchmark") as bar:
            for operation in timed:
                contenders = await _contenders(operation, headcount, recorder, database, client)
                _check(operation, {name: await one() for name, one in contenders.items()})
                times: dict[str, list[float]] = {name: [] for name in contenders}
                for number in range(rounds):
                    for name, one in contenders.items():
                        if number >= SLOW_ROUNDS and operation.slow and name in report.REFERENCES:
                            continue
                        started = time.perf_counter()
                        await one()
                        times[name].append((time.perf_counter() - started) * 1000)
                    bar.update()
                measured[operation.call] = times
    return measured


async def _contenders(
    operation: Operation,
    headcount: Headcount,
    recorder: CommandRecorder,
    database: AsyncDatabase[dict[str, Any]],
    client: httpx.AsyncClient,
) -> Mapping[str, Contender]:
    answer = partial(headcount.answer, operation.text)
    counting = await groups(recorder, answer, operation.grouped)
    contenders: dict[str, Contender] = {report.HEADCOUNT: answer}
    if operation.over_http:
        contenders[report.HTTP] = partial(post, client, operation.text)
    contenders[report.BARE] = partial(side_by_side, database, counting)
    if len(counting) > 1:
        contenders[report.ONE_BY_ONE] = partial(one_by_one, database, counting)
    references = operation.reference, operation.on_dicts
    for name, reference in zip(report.REFERENCES, references, strict=True):
        if reference:
            contenders[name] = partial(_encoded, operation.field, reference, database)
    return contenders


async def _encoded(
    field: str, reference: Reference, database: AsyncDatabase[dict[str, Any]]
) -> str:
    return json.dumps({"data": {field: await reference(database)}})


def _check(operation: Operation, responses: Mapping[str, str | bytes | None]) -> None:
    answers = {name: json.loads(text) for name, text in responses.items() if text}
    expected = answers.get(report.REFERENCE, answers[report.HEADCOUNT])
    for name, answer in answers.items():
        if not _agree(expected, answer):
            raise Disagreement(f"{operation.call}: the numbers of {name} differ.")


def _agree(expected: Any, found: Any) -> bool:
    """Whether `found` has all expected values; it may have more fields."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and _agree(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_agree, expected, found))
    return bool(expected == found)
