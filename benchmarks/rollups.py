"""The command `python -m benchmarks.rollups`: kept cells, read, built and followed."""

import sys
from dataclasses import asdict

import click

from benchmarks import dataset
from benchmarks import rollup_keeping as keeping
from benchmarks import rollup_reads as reads
from benchmarks.cannon import installed
from benchmarks.contenders import defaults
from benchmarks.dataset import FULL, LARGE, QUICK
from benchmarks.replay import Disagreement
from cubes.rollup import ROLLUPS
from errors import StartupError


@click.command(help="Reads kept cells and counts live, builds cells, and follows changes.")
@click.option("--quick", is_flag=True, help="Little data, a short time: shows that it runs.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--rate", type=click.FloatRange(min=1), default=5000, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=20, show_default=True)
@click.option("--uri", help="The MongoDB to use; by default an embedded one.")
def main(quick: bool, rounds: int, rate: float, seconds: float, uri: str | None) -> None:
    """Prints what was found."""
    sizes = (QUICK, QUICK) if quick else (FULL, LARGE)
    if quick:
        rounds, rate, seconds = 1, 200, 2
    try:
        installed()
        with dataset.kept(uri, defaults(sizes[0].database), sizes[0]) as address:
            for line in keeping.followed(address, rate, seconds):
                click.echo(f"- {line}")
            size = asdict(sizes[0])
            found = keeping.built(address, defaults(sizes[0].database), rounds)
            of = sum(len(each.cubes) * size[each.source.Settings.name] for each in ROLLUPS)
            click.echo(f"- {keeping.build_line(found, of)}")
            by_size = []
            for each in sizes:
                with dataset.kept(address, defaults(each.database), each):
                    settings = defaults(each.database)
                    by_size.append(reads.measure(address, settings, rounds, 20 if quick else 300))
                for line in reads.lines(each.tickets, by_size[-1]):
                    click.echo(f"- {line}")
            for line in reads.apart(*by_size):
                click.echo(f"- {line}")
    except (StartupError, Disagreement, TimeoutError) as error:
        sys.exit(f"benchmarks: {error}")


if __name__ == "__main__":
    main()
