"""The command `python -m benchmarks.load`: data, race over HTTP, report and plot."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from benchmarks import dataset, execution
from benchmarks import load_report as report
from benchmarks.cannon import installed
from benchmarks.chart import drawn
from benchmarks.contenders import defaults
from benchmarks.dataset import QUICK, SMALL
from benchmarks.http_race import CONNECTIONS, measure
from benchmarks.replay import Disagreement
from errors import StartupError
from server.commands import data

_QUICK_SECONDS: Final = 0.3


@click.command(help="Races Headcount over HTTP against servers that give the same answers.")
@click.option("--quick", is_flag=True, help="Little data, short runs: shows that it runs.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=3, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the report, too."
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Where to draw it, as SVG."
)
@click.option("--uri", help="The MongoDB to use; by default an embedded one.")
def main(
    quick: bool, rounds: int, seconds: float, out: Path | None, plot: Path | None, uri: str | None
) -> None:
    """Prints the report."""
    size = QUICK if quick else SMALL
    seconds = _QUICK_SECONDS if quick else seconds
    settings = defaults(size.database)
    try:
        installed()
        with dataset.kept(uri, settings, size) as uri:
            with data.opened_at(uri, settings) as database:
                version = database.client.server_info()["version"]
            measured = measure(uri, settings, rounds, seconds)
        alone = execution.milliseconds(2 if quick else 15)
    except (StartupError, Disagreement) as error:
        sys.exit(f"benchmarks: {error}")
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    text = "\n".join(
        [
            f"{size.events:,} events, {size.tickets:,} tickets, {size.ticket_orders:,} orders; "
            f"MongoDB {version}, Python {platform.python_version()}, Node.js {node.strip()[1:]}, "
            f"{os.cpu_count()} processors; {CONNECTIONS} connections, one server at a time, "
            f"{rounds} rounds of about {seconds:g} s with the contenders in turn. "
            "Median (least–most).",
            "",
            report.table(measured),
            "",
            *(f"- {line}" for line in report.acceptance(measured, alone)),
        ]
    )
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if plot is not None:
        plot.write_text(drawn(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
