"""The command `python -m benchmarks.soak`: the memory of a server under distinct operations."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Final

import click
import httpx
from tqdm import tqdm

from benchmarks.contenders import defaults, post
from benchmarks.data import dataset
from benchmarks.data.dataset import QUICK
from benchmarks.http.servers import HEADCOUNT, Server, running
from benchmarks.replay import Disagreement
from benchmarks.report import verdict
from errors import StartupError

GROWTH_MB_MAX: Final = 4
_CLIENTS: Final = 8
_SAMPLES: Final = 200
# One of this many operations reads the database.
_AGGREGATING: Final = 20


@click.command(help="Send distinct operations to a server, and sample its memory.")
@click.option("--texts", type=click.IntRange(min=8), default=100_000, show_default=True)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(texts: int, uri: str | None) -> None:
    """Measures, and prints the results."""
    settings = defaults(QUICK.database)
    try:
        with (
            dataset.prepared(uri, settings, QUICK) as uri,
            running("Headcount", HEADCOUNT, uri, settings) as server,
        ):
            samples = asyncio.run(_sampled(server, texts))
    except (StartupError, Disagreement, httpx.HTTPError) as error:
        sys.exit(f"benchmarks: {error}")
    click.echo(f"- {summary(texts, samples)}")


def summary(texts: int, samples: Sequence[float]) -> str:
    """A line about the growth of the resident memory; samples are in MB."""
    quarter = len(samples) // 4
    means = [mean(samples[n * quarter : (n + 1) * quarter]) for n in range(4)]
    growth = means[3] - means[1]
    return (
        f"{texts:,} different operations: {samples[0]:.1f} MB resident at first, then by quarters "
        f"{', '.join(f'{each:.1f}' for each in means)} MB; from the second to the last "
        f"{growth:+.1f} MB, at most {GROWTH_MB_MAX}: {verdict(growth <= GROWTH_MB_MAX)}"
    )


def operation(number: int) -> str:
    """A valid operation that is distinct for each number, and simple enough to be compiled.

    Few read the database: the benchmark tests the cache of operations.
    """
    if number % _AGGREGATING:
        return f"{{ viewer {{ r{number}: role p{number}: permissions s{number}: subject }} }}"
    return (
        f"{{ eventStats {{ t{number}: total events {{ id{number}: eventId "
        f"s{number}: ticketStatus {{ c{number}: consumed }} }} }} }}"
    )


async def _sampled(server: Server, texts: int) -> Sequence[float]:
    """Sends the operations, and samples the resident memory in between."""
    samples: list[float] = []
    numbers = _sampling(server, texts, samples)
    async with httpx.AsyncClient(
        base_url=server.url,
        headers={"authorization": f"Bearer {server.token}"},
        timeout=60,
        trust_env=False,
    ) as client:

        async def send() -> None:
            for number in numbers:
                answer = await post(client, operation(number))
                if b'"errors"' in answer:
                    raise Disagreement(f"{operation(number)}: {answer.decode()}")

        await asyncio.gather(*(send() for _ in range(_CLIENTS)))
    return samples


def _sampling(server: Server, texts: int, samples: list[float]) -> Iterator[int]:
    """Yields the numbers of operations, and samples the memory."""
    every = max(1, texts // _SAMPLES)
    for number in tqdm(range(texts), unit=" operations", desc="Soak"):
        yield number
        if number % every == 0:
            samples.append(server.memory_mb())


if __name__ == "__main__":
    main()
