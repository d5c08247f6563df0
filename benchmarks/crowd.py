"""The command `python -m benchmarks.crowd`: many clients poll one KPI."""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import accumulate
from statistics import median
from typing import Any, Final

import click
from pymongo import MongoClient
from pymongo.database import Database

from benchmarks.contenders import Headcount, defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import FULL, NOW, QUICK
from benchmarks.http.cannon import Question, fire, install_peers
from benchmarks.http.servers import HEADCOUNT, running
from benchmarks.operations import ORDER_STATS, Operation
from benchmarks.replay import CommandRecorder, Disagreement, groups, side_by_side
from benchmarks.report import verdict
from errors import StartupError
from server.database import connect
from server.settings import Settings

IN_FLIGHT_MAX: Final = 2
_TIMES_MAX: Final = 4
_COLLECTION: Final = "ticket_orders"
# The profiler rounds to milliseconds: intervals that overlap by less may be disjoint.
_TOLERANCE: Final = timedelta(milliseconds=2)
_IDLE_SECONDS: Final = 60
_PROFILE_BYTES: Final = 16 << 20

Mongo = Database[dict[str, Any]]


@click.command(help="Poll `orderStats` with many clients, and count the aggregations in flight.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--clients", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=10, show_default=True)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, clients: int, seconds: float, uri: str | None) -> None:
    """Measures, and prints the results."""
    size = QUICK if quick else FULL
    settings = defaults(size.database)
    try:
        install_peers()
        with dataset.prepared(uri, settings, size) as uri:
            for line in _polled(uri, settings, clients, 0.5 if quick else seconds):
                click.echo(f"- {line}")
    except (StartupError, Disagreement) as error:
        sys.exit(f"benchmarks: {error}")


def _polled(uri: str, settings: Settings, clients: int, seconds: float) -> Iterator[str]:
    text = Operation(ORDER_STATS, ()).text
    alone = asyncio.run(_alone(uri, settings, text))
    with (
        running("Headcount", HEADCOUNT, uri, settings) as server,
        MongoClient[dict[str, Any]](uri) as client,
    ):
        database = client[settings.database]
        fire(server, Question(text), connections=1, amount=2)
        with _profiled(database):
            run = fire(server, Question(text), connections=clients, seconds=seconds)
            _idle(database)
            found = list(database["system.profile"].find())
    flights = [(each["ts"] - timedelta(milliseconds=each["millis"]), each["ts"]) for each in found]
    most = in_flight(flights)
    yield (
        f"{clients} clients polled `{ORDER_STATS}` for {seconds:g} s: {run.answers:,} answers, "
        f"{run.rate:,.0f} a second, by {len(flights):,} aggregations."
    )
    yield (
        f"Aggregations in flight: {most} at most, at most {IN_FLIGHT_MAX} allowed: "
        f"{verdict(most <= IN_FLIGHT_MAX)}"
    )
    times = run.p99 / alone
    if not run.answers:
        yield f"No answer in {seconds:g} s: {verdict(met=False)}"
        return
    yield (
        f"p50 {run.p50:.0f} ms, p99 {run.p99:.0f} ms = {times:.1f} × the {alone:.0f} ms of the "
        f"aggregation alone, below {_TIMES_MAX}: {verdict(times < _TIMES_MAX)}"
    )


async def _alone(uri: str, settings: Settings, text: str) -> float:
    """The duration in milliseconds of the operation's aggregation by bare PyMongo, without load."""
    recorder, headcount = CommandRecorder(), Headcount(settings, NOW)
    async with connect(uri, settings, recorder) as database:

        async def answer() -> object:
            return await headcount.answer(text)

        counting = await groups(recorder, answer, [_COLLECTION])
        times = []
        for _ in range(5):
            started = asyncio.get_running_loop().time()
            await side_by_side(database, counting)
            times.append(1000 * (asyncio.get_running_loop().time() - started))
    return median(times)


@contextmanager
def _profiled(database: Mongo) -> Iterator[None]:
    """Records all aggregations of orders in a new `system.profile`, and drops it afterwards."""
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=_PROFILE_BYTES)
    database.command("profile", 2, filter={"command.aggregate": _COLLECTION})
    try:
        yield
    finally:
        database.command("profile", 0, filter="unset")
        database.drop_collection("system.profile")


def _idle(database: Mongo) -> None:
    """Waits until the aggregations of disconnected clients have ended."""
    running = {"ns": f"{database.name}.{_COLLECTION}", "command.aggregate": _COLLECTION}
    limit = time.monotonic() + _IDLE_SECONDS
    while time.monotonic() < limit:
        if not list(database.client.admin.aggregate([{"$currentOp": {}}, {"$match": running}])):
            return
        time.sleep(0.1)
    raise Disagreement("Aggregations still run 60 s after their clients disconnected.")


def in_flight(flights: Iterable[tuple[Any, Any]]) -> int:
    """The largest number of overlapping intervals (start, end), with a tolerance."""
    changes = []
    for start, end in flights:
        began = start + _TOLERANCE
        changes += [(began, 1), (max(end, began + _TOLERANCE), -1)]
    return max(accumulate(step for _, step in sorted(changes)), default=0)


if __name__ == "__main__":
    main()
