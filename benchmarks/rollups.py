"""The command `python -m benchmarks.rollups`: rollups are built, followed and read."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Final

import click

from benchmarks import rollup_reads as reads
from benchmarks import rollup_upkeep as upkeep
from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import FULL, LARGE, QUICK, Size
from benchmarks.http.cannon import install_peers
from benchmarks.replay import Disagreement
from errors import StartupError
from rollups.layout.rollup import DEFAULT_ROLLUPS

_PARTS: Final = ("follow", "build", "read")
_ANSWERS: Final = 300
_FEW: Final = 20


@click.command(help="Measures rollups: follows changes, builds cells, reads them and counts live.")
@click.option("--quick", is_flag=True, help="Little data and a short time, to see that it runs.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=5000, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=20, show_default=True)
@click.option("--uri", help="The MongoDB to use; by default an embedded one.")
@click.option(
    "--part", "parts", type=click.Choice(_PARTS), multiple=True, help="Only this; all by default."
)
def main(
    quick: bool, rounds: int, rate: float, seconds: float, uri: str | None, parts: Sequence[str]
) -> None:
    """Prints a line for each measurement."""
    sizes = (QUICK, QUICK) if quick else (FULL, LARGE)
    if quick:
        rounds, rate, seconds = 1, 200, 2
    try:
        install_peers()
        with dataset.prepared(uri, defaults(sizes[0].database), sizes[0]) as address:
            for part in parts or _PARTS:
                for line in _lines(part, address, sizes, rounds, rate, seconds):
                    click.echo(f"- {line}")
    except (StartupError, Disagreement, TimeoutError) as error:
        sys.exit(f"benchmarks: {error}")


def _lines(
    part: str, uri: str, sizes: Sequence[Size], rounds: int, rate: float, seconds: float
) -> Iterator[str]:
    if part == "follow":
        yield from upkeep.followed(uri, rate, seconds)
    elif part == "build":
        size = asdict(sizes[0])
        times = upkeep.built(uri, defaults(sizes[0].database), rounds)
        documents = sum(
            len(each.finest) * size[each.source.Settings.name] for each in DEFAULT_ROLLUPS
        )
        yield upkeep.build_line(times, documents)
    else:
        answers = _ANSWERS if sizes[0] is FULL else _FEW
        settings = [defaults(each.database) for each in sizes]
        with ExitStack() as stack:
            for each, of in zip(sizes, settings, strict=True):
                stack.enter_context(dataset.prepared(uri, of, each))
            by_size = reads.measure(uri, settings, rounds, answers)
        for each, found in zip(sizes, by_size, strict=True):
            yield from reads.lines(each.tickets, found)
        yield from reads.apart(*by_size)


if __name__ == "__main__":
    main()
