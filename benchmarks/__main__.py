"""The command `python -m benchmarks`: Headcount against PyMongo and the reference."""

import asyncio
import os
import platform
import sys
from pathlib import Path

import click

from benchmarks import report
from benchmarks.contenders import defaults
from benchmarks.data import dataset
from benchmarks.data.dataset import FULL, QUICK
from benchmarks.race import SLOW_ROUNDS, measure
from benchmarks.replay import Disagreement
from errors import StartupError
from server.database import open_database


@click.command(help="Compare each operation with bare PyMongo and with the reference.")
@click.option("--quick", is_flag=True, help="Use little data, to test the benchmark itself.")
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file, too.",
)
@click.option("--uri", help="The URI of a MongoDB. Default: an embedded one.")
def main(quick: bool, rounds: int, out: Path | None, uri: str | None) -> None:
    """Measures, and prints the report."""
    size = QUICK if quick else FULL
    settings = defaults(size.database)
    try:
        with dataset.prepared(uri, settings, size) as uri:
            with open_database(uri, settings) as database:
                version = database.client.server_info()["version"]
            measured = asyncio.run(measure(uri, settings, rounds))
    except (StartupError, Disagreement) as error:
        sys.exit(f"benchmarks: {error}")
    text = "\n".join(
        [
            f"{size.events:,} events, {size.tickets:,} tickets, {size.ticket_orders:,} orders, "
            f"{size.analytics_events:,} analytics events; "
            f"MongoDB {version}, Python {platform.python_version()}, {os.cpu_count()} processors; "
            f"{rounds} rounds with the contenders in turn ({min(rounds, SLOW_ROUNDS)} of (b) for "
            "`dashboardStats`). Milliseconds: median (least–most).",
            "",
            report.table(measured),
            "",
            *(f"- {line}" for line in report.acceptance(measured)),
        ]
    )
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
