"""The command `python -m benchmarks.against_live`: each root field from rollups and counted live.

Two servers read the same demo data, one with rollups and one without. Each call is sent to both in
turn. A call may take 1.1 times as long with rollups as without, and 1 ms more.
"""

import http.client
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, timedelta
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import click
from graphql import GraphQLObjectType, build_schema, get_named_type

import schema
from benchmarks.contenders import defaults
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import Operation
from benchmarks.replay import Disagreement
from benchmarks.report import verdict
from benchmarks.rollup_reads import wait_until_fresh
from demo.catalogue import MOBILE_APPS
from errors import StartupError
from rollups.layout.rollup import DEFAULT_ROLLUPS
from server.clock import now
from server.commands.seeding import seed
from server.database import DATA_FOLDER, SyncDatabase, open_database
from server.embedded.mongod import embedded_mongod
from server.settings import PREFIX, Settings

FACTOR: Final = 1.1
EXTRA_MS: Final = 1.0

_CUBES: Final = frozenset(cube.name for rollup in DEFAULT_ROLLUPS for cube in rollup.cubes)
_MODES: Final = ("TOTAL", "UNIQUE")
_CACHE_GB: Final = 3
_WARM_UP: Final = 3
# Longer than states are cached: each answer reads them, as one to a client that polls does.
_PAUSE_SECONDS: Final = 0.06
# `dashboardStats` counts the last week: older demo data have too little in it.
_OLDEST: Final = timedelta(hours=12)


@click.command(help="Compare each root field from rollups with the same counted live.")
@click.option("--scale", "scales", type=float, multiple=True, default=(0.1, 1, 10))
@click.option("--rounds", type=click.IntRange(min=1), default=40, show_default=True)
@click.option("--only", default="", help="Only calls that contain this text.")
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(scales: Sequence[float], rounds: int, only: str, uri: str | None) -> None:
    """Prints a line for each call, and whether all meet their target."""
    try:
        with ExitStack() as stack:
            if uri is None:
                folder = DATA_FOLDER / "bench"
                uri = stack.enter_context(embedded_mongod(folder, cache_gb=_CACHE_GB))
            for scale in scales:
                for line in _lines(uri, scale, rounds, only):
                    click.echo(line)
    except (StartupError, Disagreement) as error:
        sys.exit(f"benchmarks: {error}")


def _lines(uri: str, scale: float, rounds: int, only: str) -> Iterator[str]:
    settings = defaults(f"headcount_demo_{scale:g}".replace(".", "_"))
    with open_database(uri, settings) as database:
        _seed(database, settings, scale)
        event = str((database["events"].find_one(sort=[("_id", 1)]) or {})["_id"])
    calls = {call: text for call, text in _calls(event) if only in call}
    missed = []
    with ExitStack() as stack:
        on = {f"{PREFIX}ROLLUPS": "on"}
        rolled_up = stack.enter_context(running("Headcount", HEADCOUNT, uri, settings, on))
        live = stack.enter_context(running("Headcount, live", HEADCOUNT, uri, settings))
        wait_until_fresh(rolled_up, _CUBES)
        clients = [_Client(server) for server in (rolled_up, live)]
        yield f"Demo data at scale {scale:g}; p50 of {rounds} answers in turn, milliseconds:"
        for call, text in calls.items():
            kept, counted = (median(times) for times in _times(clients, text, rounds))
            met = kept <= FACTOR * counted + EXTRA_MS
            missed += [] if met else [call]
            yield f"- `{call}`: {kept:.1f}, live {counted:.1f}, {kept / counted:.2f} ×" + (
                "" if met else f": {verdict(met)}"
            )
        yield f"{len(calls) - len(missed)} of {len(calls)} calls: {verdict(not missed)}"


def _seed(database: SyncDatabase, settings: Settings, scale: float) -> None:
    """Writes the demo data unless recent ones are there."""
    newest = database["analytics_events"].find_one(sort=[("created_at", -1)])
    if newest is None or now() - newest["created_at"].replace(tzinfo=UTC) > _OLDEST:
        seed(database, settings, scale=scale, drop=True)


def _calls(event: str) -> Iterator[tuple[str, str]]:
    """(call, operation): each root field with all fields, and each field of `dashboardStats`."""
    query: Any = build_schema(schema.sdl()).query_type
    report = f'ticketReport(eventIds: ["{event}"], mobileAppId: "{MOBILE_APPS[0]}", limit: 20)'
    with_arguments = {
        "event": [f'event(id: "{event}")'],
        "eventStats": [
            *(f"eventStats(limit: {limit})" for limit in (20, 500)),
            "eventStats(orderBy: {field: REVENUE})",
        ],
        "dashboardStats": [_dashboard(mode) for mode in _MODES],
        "ticketReport": [report],
    }
    for field in query.fields:
        for call in with_arguments.get(field, [field]):
            yield call, Operation(call, ()).text
    of_dashboard: Any = get_named_type(query.fields["dashboardStats"].type)
    for name, field in of_dashboard.fields.items():
        inner = get_named_type(field.type)
        leaves = f"{{ {' '.join(inner.fields)} }}" if isinstance(inner, GraphQLObjectType) else ""
        for mode in _MODES:
            yield (
                f"dashboardStats(mode: {mode}) {{ {name} }}",
                f"{{ {_dashboard(mode)} {{ {name} {leaves} }} }}",
            )


def _dashboard(mode: str) -> str:
    return f'dashboardStats(mode: {mode}, timezone: "America/Bogota")'


class _Client:
    """Requests to a server, each by a new connection: a server closes idle ones."""

    def __init__(self, server: Server) -> None:
        address = urlsplit(server.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)
        self._headers = {
            "authorization": f"Bearer {server.token}",
            "content-type": "application/json",
        }

    def ask(self, query: str) -> tuple[float, Any]:
        """(milliseconds, the answer's data); raises `Disagreement` if the server gives none."""
        body = json.dumps({"query": query})
        started = time.perf_counter()
        self._connection.request("POST", "/graphql", body, self._headers)
        response = self._connection.getresponse().read()
        took = time.perf_counter() - started
        self._connection.close()
        answer = json.loads(response)
        if "errors" in answer:
            raise Disagreement(f"{query} failed: {response[:500]!r}")
        return 1000 * took, answer["data"]


def _times(clients: Sequence[_Client], query: str, rounds: int) -> Sequence[list[float]]:
    """The milliseconds of each round, for each client."""
    times: Sequence[list[float]] = [[] for _ in clients]
    turns = [*zip(clients, times, strict=True)]
    for number in range(-_WARM_UP, rounds):
        # The servers take turns at being first: the first request finds colder caches.
        for client, own in turns if number % 2 else reversed(turns):
            time.sleep(_PAUSE_SECONDS)
            took, _ = client.ask(query)
            if number >= 0:
                own.append(took)
    return times


if __name__ == "__main__":
    main()
