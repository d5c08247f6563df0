"""The command `python -m benchmarks.load`: the HTTP benchmark, its report and chart."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from benchmarks import execution
from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import QUICK, SMALL
from benchmarks.http import report
from benchmarks.http.cannon import install_peers
from benchmarks.http.chart import bar_chart
from benchmarks.http.race import CONNECTIONS, measure
from benchmarks.replay import Disagreement
from errors import StartupError
from server.database import open_database

_QUICK_SECONDS: Final = 0.3


@click.command(help="Compare Headcount over HTTP with servers that return the same responses.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=3, show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file, too.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a bar chart (SVG) to this file.",
)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(
    quick: bool, rounds: int, seconds: float, out: Path | None, plot: Path | None, uri: str | None
) -> None:
    """Measures, and prints the report."""
    size = QUICK if quick else SMALL
    seconds = _QUICK_SECONDS if quick else seconds
    settings = defaults(size.database)
    try:
        install_peers()
        with dataset.prepared(uri, settings, size) as uri:
            with open_database(uri, settings) as database:
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
        plot.write_text(bar_chart(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
