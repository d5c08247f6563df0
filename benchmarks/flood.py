"""The command `python -m benchmarks.flood`: a server with many more operations than it can run.

First a few clients send an expensive operation, one after the other: the rate without overload.
Then a flood of clients sends it, each as soon as the last one is answered or refused. Meanwhile
another caller asks for something cheap, and a load balancer for the server's health.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import click
import orjson

from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import FULL, QUICK
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.operations import Operation
from benchmarks.report import verdict
from errors import StartupError
from server.settings import Settings
from server.tokens import token

HEALTH_MS: Final = 250
FAIR_MS: Final = 1_000
MEMORY_MB: Final = 64
RATE: Final = 0.8
ANSWER_SECONDS: Final = 30

_EXPENSIVE: Final = 'dashboardStats(mode: UNIQUE, timezone: "America/Bogota")'
_CHEAP: Final = "{ viewer { role } orderStats { totalOrders } }"
_FEW: Final = 8
_PAUSE_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 1.0


@dataclass
class Answers:
    """The statuses of answers, and their milliseconds; 0 is the status of a broken connection."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def p99(self) -> float:
        """The 99th percentile of the milliseconds."""
        return sorted(self.milliseconds)[int(0.99 * (len(self.milliseconds) - 1))]


class Client:
    """A client with a connection of its own, which it opens again when it is closed."""

    def __init__(self, server: Server, bearer: str) -> None:
        self._address = urlsplit(server.url)
        self._bearer = bearer
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, answers: Answers, path: str, query: str | None = None) -> int:
        """The status of an answer, which is added to `answers`."""
        body = b"" if query is None else orjson.dumps({"query": query})
        head = (
            f"{'GET' if query is None else 'POST'} {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self._bearer}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        status = 0
        try:
            status = await self._sent(head.encode() + body)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
        answers.statuses[status] += 1
        answers.milliseconds.append(1000 * (time.perf_counter() - began))
        return status

    def close(self) -> None:
        """Closes the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _sent(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._address.hostname, self._address.port
            )
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        headers = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        await reader.readexactly(int(headers[b"content-length"]))
        if headers.get(b"connection") == b"close":
            self.close()
        return int(head.split(b" ", 2)[1])


@click.command(help="Send many more expensive operations than a server can run.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--clients", type=click.IntRange(min=1), default=1_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60, show_default=True)
@click.option("--callers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, clients: int, seconds: float, callers: int, uri: str | None) -> None:
    """Prints what was answered, and whether the targets are met."""
    size = QUICK if quick else FULL
    settings = defaults(size.database)
    try:
        with (
            dataset.prepared(uri, settings, size) as uri,
            running("Headcount", HEADCOUNT, uri, settings) as server,
        ):
            for line in asyncio.run(_flooded(server, settings, clients, callers, seconds)):
                click.echo(f"- {line}")
    except StartupError as error:
        sys.exit(f"benchmarks: {error}")


async def _flooded(
    server: Server, settings: Settings, clients: int, callers: int, seconds: float
) -> list[str]:
    def tokens(number: int, of: str) -> Iterator[str]:
        for one in range(number):
            claims = {"role": "admin", "sub": f"{of} {one % callers}"}
            yield token(settings, claims, timedelta(days=1))

    expensive = Operation(_EXPENSIVE, ()).text
    few, flood, fair, health = Answers(), Answers(), Answers(), Answers()
    await _sending(server, [*tokens(_FEW, "few")], few, expensive, seconds / 2)
    before = server.memory_mb()

    async def asked(answers: Answers, bearer: str, *asked: tuple[str, str | None]) -> None:
        client = Client(server, bearer)
        while True:
            for path, query in asked:
                await client.ask(answers, path, query)
                await asyncio.sleep(_PAUSE_SECONDS)

    (bearer,) = tokens(1, "fair")
    others = [
        asyncio.create_task(asked(fair, bearer, ("/graphql", _CHEAP))),
        asyncio.create_task(asked(health, bearer, ("/healthz", None), ("/readyz", None))),
    ]
    await _sending(server, [*tokens(clients, "flood")], flood, expensive, seconds)
    for task in others:
        task.cancel()
    grown = server.peak_mb() - before
    rate, alone = flood.statuses[200] / seconds, few.statuses[200] / (seconds / 2)
    slowest = max(flood.milliseconds) / 1000
    well = health.p99() <= HEALTH_MS and {*health.statuses} == {200}
    return [
        f"{_FEW} clients, {seconds / 2:g} s: {alone:.1f} answers a second",
        f"{clients} clients of {callers} callers, {seconds:g} s: {rate:.1f} answers a second, "
        f"{rate / alone:.0%}, at least {RATE:.0%}: {verdict(rate >= RATE * alone)}",
        f"statuses: {_counted(flood.statuses)}; the slowest took {slowest:.1f} s, at most "
        f"{ANSWER_SECONDS} s: {verdict(slowest <= ANSWER_SECONDS and not flood.statuses[0])}",
        f"another caller: {_counted(fair.statuses)}; p99 {fair.p99():.0f} ms, at most "
        f"{FAIR_MS} ms: {verdict(fair.p99() <= FAIR_MS and {*fair.statuses} == {200})}",
        f"`/healthz` and `/readyz`: {_counted(health.statuses)}; p99 {health.p99():.0f} ms, at "
        f"most {HEALTH_MS} ms: {verdict(well)}",
        f"memory: {grown:+.0f} MB, at most {MEMORY_MB} MB: {verdict(grown <= MEMORY_MB)}",
    ]


async def _sending(
    server: Server, bearers: Sequence[str], answers: Answers, query: str, seconds: float
) -> None:
    """Each bearer sends the operation again and again; waits for the last answers."""
    ended = time.perf_counter() + seconds

    async def send(bearer: str) -> None:
        client = Client(server, bearer)
        while time.perf_counter() < ended:
            if await client.ask(answers, "/graphql", query) != 200:
                await asyncio.sleep(_RETRY_SECONDS)
        client.close()

    await asyncio.gather(*map(send, bearers))


def _counted(statuses: Mapping[int, int]) -> str:
    return ", ".join(f"{status}: {number:,}" for status, number in sorted(statuses.items()))


if __name__ == "__main__":
    main()
