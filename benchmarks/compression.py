"""The command `python -m benchmarks.compression`: what gzip costs a server, and what it saves."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

import click
import httpx

from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import QUICK, SMALL
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import EVENT_STATS, Operation
from errors import StartupError
from exports.addresses import EVENTS_DASHBOARD_ROUTE

_ROUNDS: Final = 7
_ENCODINGS: Final = ("identity", "gzip")


@dataclass(frozen=True)
class Workload:
    """Requests of one kind; `requests` of them are measured together."""

    name: str
    requests: int
    request: Callable[[httpx.Client], httpx.Request]


@dataclass(frozen=True)
class Cost:
    """The server's milliseconds of processor time, and the bytes of the body, of one request."""

    milliseconds: float
    size: int


def _operation(text: str) -> Callable[[httpx.Client], httpx.Request]:
    return lambda client: client.build_request("POST", "/graphql", json={"query": text})


_WORKLOADS: Final = (
    Workload("`viewer`", 1_000, _operation("{ viewer { role } }")),
    Workload("`orderStats`", 200, _operation(Operation("orderStats", ()).text)),
    Workload(f"`{EVENT_STATS}`", 20, _operation(Operation(EVENT_STATS, ()).text)),
    Workload(
        "export of the events dashboard as json",
        2,
        lambda client: client.build_request("GET", f"{EVENTS_DASHBOARD_ROUTE}?format=json"),
    ),
)


@click.command(help="Compare a server's processor time with and without compression.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, uri: str | None) -> None:
    """Measures, and prints the results."""
    size = QUICK if quick else SMALL
    settings = defaults(size.database)
    try:
        with (
            dataset.prepared(uri, settings, size) as address,
            running("Headcount", HEADCOUNT, address, settings) as server,
        ):
            for line in _lines(server, 1 if quick else _ROUNDS):
                click.echo(line)
    except (StartupError, httpx.HTTPError) as error:
        sys.exit(f"benchmarks: {error}")


def _lines(server: Server, rounds: int) -> Iterator[str]:
    yield "| | bytes | in gzip | processor time | in gzip | ratio |"
    yield "|---|--:|--:|--:|--:|--:|"
    for workload in _WORKLOADS:
        # In turn, as the machine is not equally fast at all times.
        found = [[_cost(server, workload, each) for each in _ENCODINGS] for _ in range(rounds)]
        plain, packed = (
            Cost(median(each.milliseconds for each in costs), costs[0].size)
            for costs in zip(*found, strict=True)
        )
        ratio = median(
            gzip.milliseconds / max(identity.milliseconds, 0.001) for identity, gzip in found
        )
        yield (
            f"| {workload.name} | {plain.size:,} | {packed.size:,} ({packed.size / plain.size:.0%})"
            f" | {plain.milliseconds:.2f} ms | {packed.milliseconds:.2f} ms | {ratio:.2f} |"
        )


def _cost(server: Server, workload: Workload, encoding: str) -> Cost:
    with server.client(600) as client:
        client.headers["accept-encoding"] = encoding
        before = server.cpu_seconds()
        for _ in range(workload.requests):
            response = client.send(workload.request(client), stream=True)
            response.raise_for_status()
            size = sum(len(chunk) for chunk in response.iter_raw())
            response.close()
        seconds = server.cpu_seconds() - before
    return Cost(1000 * seconds / workload.requests, size)


if __name__ == "__main__":
    main()
