"""The command `python -m benchmarks`: data, race, report."""

import asyncio
import os
import platform
import sys
from pathlib import Path

import click

from benchmarks import dataset, report
from benchmarks.contenders import defaults
from benchmarks.dataset import FULL, QUICK
from benchmarks.race import SLOW_ROUNDS, measure
from benchmarks.replay import Disagreement
from errors import StartupError
from server.commands import data


@click.command(help="Times each operation against bare PyMongo and against the reference's way.")
@click.option("--quick", is_flag=True, help="Little data: shows that it runs, not how fast.")
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the report, too."
)
@click.option("--uri", help="The MongoDB to use; by default an embedded one.")
def main(quick: bool, rounds: int, out: Path | None, uri: str | None) -> None:
    """Prints the report."""
    size = QUICK if quick else FULL
    settings = defaults(size.database)
    try:
        with dataset.kept(uri, settings, size) as uri:
            with data.opened_at(uri, settings) as database:
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
