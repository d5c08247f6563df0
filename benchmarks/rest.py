"""The command `python -m benchmarks.rest`: REST paths, GraphQL and the reference, side by side."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

import click
import httpx
from graphql import FieldNode, SelectionSetNode

import schema
from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import QUICK, SMALL
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.replay import Disagreement
from benchmarks.rollup_reads import wait_until_fresh
from errors import StartupError
from rest.operation import STORED, StoredOperation, stored_operations
from rollups.layout.rollup import DEFAULT_ROLLUPS
from schema.execution.turns import Turns
from server.settings import PREFIX

Send: TypeAlias = Callable[[httpx.Client], httpx.Response]

_PATHS: Final[Mapping[str, str]] = {
    "EventsOverview": "/overview",
    "EventStats": "/events?limit=500",
    "PromoCodeStats": "/promo-codes",
    "OrderStats": "/orders",
}
_PREFIX: Final = "/api/v1/admin/events-dashboard"
_REFERENCE: Final = (sys.executable, "-m", "benchmarks.http.rest")
# The paths of the reference's server.
_OF_REFERENCE: Final = {"EventStats": "/eventStats?limit=500", "OrderStats": "/orderStats"}
_CUBES: Final = frozenset(cube.name for rollup in DEFAULT_ROLLUPS for cube in rollup.cubes)


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a request: of the server's processor, and until the answer was there."""

    processor: float
    time: float


@click.command(help="Compare REST paths with the same by GraphQL, and with the reference's way.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--requests", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, rounds: int, requests: int, uri: str | None) -> None:
    """Measures, and prints the results."""
    size = QUICK if quick else SMALL
    settings = defaults(size.database)
    rollups = {f"{PREFIX}ROLLUPS": "on"}
    try:
        with (
            dataset.prepared(uri, settings, size) as address,
            running("Headcount", HEADCOUNT, address, settings, rollups) as rolled_up,
            running("Headcount, live", HEADCOUNT, address, settings) as live,
            running("the reference", _REFERENCE, address, settings) as reference,
        ):
            wait_until_fresh(rolled_up, _CUBES)
            for line in _lines([rolled_up, live, reference], rounds, requests):
                click.echo(line)
    except (StartupError, Disagreement, httpx.HTTPError) as error:
        sys.exit(f"benchmarks: {error}")


def _lines(servers: Sequence[Server], rounds: int, requests: int) -> Iterator[str]:
    rolled_up, live, reference = servers
    yield "| path | contender | processor, ms | time, ms | processor ÷ GraphQL's |"
    yield "|---|---|--:|--:|--:|"
    for one in stored_operations(schema.build(), Turns(), STORED):
        if one.name not in _PATHS:
            continue
        path, text = _PREFIX + _PATHS[one.name], _text(one)
        contenders: dict[str, tuple[Server, Send]] = {
            "GraphQL, with rollups": (rolled_up, _post(text)),
            "REST, with rollups": (rolled_up, _get(path)),
            "REST, unchanged (304)": (rolled_up, _get_again(path)),
            "GraphQL, live": (live, _post(text)),
            "REST, live": (live, _get(path)),
        }
        if one.name in _OF_REFERENCE:
            contenders["the reference"] = reference, _get(_OF_REFERENCE[one.name])
        # In turn, as the machine is not equally fast at all times.
        found = [
            {name: _cost(*each, requests) for name, each in contenders.items()}
            for _ in range(rounds)
        ]
        for name, (server, _) in contenders.items():
            base = "GraphQL, with rollups" if server is rolled_up else "GraphQL, live"
            ratio = median(each[name].processor / each[base].processor for each in found)
            processor = median(each[name].processor for each in found)
            taken = median(each[name].time for each in found)
            yield f"| `{_PATHS[one.name]}` | {name} | {processor:.2f} | {taken:.2f} | {ratio:.2f} |"


def _cost(server: Server, send: Send, requests: int) -> Cost:
    with server.client() as client:
        for _ in range(3):
            send(client)
        processor, started = server.cpu_seconds(), time.perf_counter()
        for _ in range(requests):
            send(client)
        taken = time.perf_counter() - started
        # The clock of processes ticks 100 times a second.
        used = max(server.cpu_seconds() - processor, 0.001)
    return Cost(1000 * used / requests, 1000 * taken / requests)


def _post(text: str) -> Send:
    def send(client: httpx.Client) -> httpx.Response:
        response = client.post("/graphql", json={"query": text})
        if "errors" in response.json():
            raise Disagreement(f"{text} failed: {response.text[:500]}")
        return response

    return send


def _get(path: str) -> Send:
    return lambda client: client.get(path).raise_for_status()


def _get_again(path: str) -> Send:
    def send(client: httpx.Client) -> httpx.Response:
        response = client.get(path)
        client.headers["if-none-match"] = response.headers.get("etag", "")
        return response

    return send


def _text(one: StoredOperation) -> str:
    """The stored operation as a client writes it: without its directives and aliases."""
    (root,) = one.prepared.operation.selection_set.selections
    if not isinstance(root, FieldNode):
        raise TypeError("The only root field of a stored operation is a field.")
    arguments = "(limit: 500)" if one.name == "EventStats" else ""
    return f"{{ {root.name.value}{arguments} {_selection(root.selection_set)} }}"


def _selection(selections: SelectionSetNode | None) -> str:
    if selections is None:
        return ""
    fields = (each for each in selections.selections if isinstance(each, FieldNode))
    inner = (f"{each.name.value} {_selection(each.selection_set)}" for each in fields)
    return f"{{ {' '.join(inner)} }}"


if __name__ == "__main__":
    main()
