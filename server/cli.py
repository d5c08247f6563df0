"""The command line: `headcount COMMAND`."""

import math
import re
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import click
from click.exceptions import NoArgsIsHelpError
from pymongo.errors import PyMongoError

import schema
from auth.viewer import Permission, Role
from errors import BadUserInput, StartupError, first_words
from resolvers.arguments import date_time
from resolvers.exports import ExportFormat, ExportReport, export_of
from resolvers.tickets.report import Tickets
from server import log, serving, tokens
from server.commands import rollups
from server.commands.demo import serve_demo
from server.commands.export import with_option_names, write_export
from server.commands.indexes import indexes as index_lines
from server.commands.rollup_status import print_status
from server.commands.seeding import seed as write_demo_data
from server.database import database_uri, open_database
from server.settings import Settings, load_settings, unknown_settings


class _Ttl(click.ParamType[timedelta]):
    name = "ttl"
    _UNITS: ClassVar = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", value)
        if match is None:
            self.fail(f"{value} is not a duration: write it as 90s, 30m, 1h or 7d.", param, ctx)
        return timedelta(**{self._UNITS[match[2]]: int(match[1])})


class _DateTime(click.ParamType[datetime]):
    name = "date-time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            return value if isinstance(value, datetime) else date_time(value)
        except BadUserInput as error:
            self.fail(str(error), param, ctx)


@click.group(help="KPIs of an events, ticketing and commerce platform, over GraphQL.")
def cli() -> None:
    """The group of all commands."""


def _not_nan(_: click.Context, __: click.Parameter, scale: float) -> float:
    if math.isnan(scale):
        raise click.BadParameter("nan is not a number.")
    return scale


_scale = click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True, max=100),
    callback=_not_nan,
    default=1.0,
    show_default=True,
    help="The amount of data: 1 is 60 events, 30,000 tickets and 100,000 behaviour events.",
)


def _server_settings() -> Settings:
    settings = load_settings()
    log.configure(settings.log_format)
    log.warn_of_unknown_settings(unknown_settings())
    return settings


@cli.command(help="Start the server. Environment variables HEADCOUNT_... configure it.")
def serve() -> None:
    serving.serve(_server_settings())


@cli.command(help="Start a server with demo data, and print a token for each role.")
@_scale
def demo(scale: float) -> None:
    serve_demo(_server_settings(), scale)


@cli.command(help="Write demo data into the configured database.")
@_scale
@click.option(
    "--seed", "number", type=int, default=1, show_default=True, help="Seed of the random data."
)
@click.option("--drop", is_flag=True, help="First delete all documents of the collections.")
def seed(scale: float, number: int, drop: bool) -> None:
    settings = load_settings()
    with database_uri(settings) as uri, open_database(uri, settings) as database:
        write_demo_data(database, settings, scale=scale, number=number, drop=drop)


@cli.command(help="Print a token that is signed with the configured secret.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option(
    "--permission",
    "permissions",
    type=click.Choice([permission.value for permission in Permission]),
    multiple=True,
    help="A permission of staff. Repeat the option for several.",
)
@click.option("--organizer-id", help="The id of the organizer, for the role organizer.")
@click.option("--subject", default="headcount token", show_default=True)
@click.option(
    "--ttl",
    type=_Ttl(),
    default="1h",
    show_default=True,
    help="Lifetime: 90s, 30m, 1h, 7d, …",
)
def token(
    role: str, permissions: tuple[str, ...], organizer_id: str | None, subject: str, ttl: timedelta
) -> None:
    optional = {"permissions": list(permissions), "organizer_id": organizer_id}
    claims = {"sub": subject, "role": role} | {k: v for k, v in optional.items() if v}
    click.echo(tokens.token(load_settings(), claims, ttl))


@cli.command(help="Show the indexes that the queries use, or build them.")
@click.option(
    "--apply", is_flag=True, help="Build the missing indexes, if they refuse no document."
)
@click.option(
    "--covering",
    is_flag=True,
    help="With --apply: also build those that make MongoDB refuse documents with arrays in two of "
    "their fields.",
)
def indexes(apply: bool, covering: bool) -> None:
    if covering and not apply:
        raise click.UsageError("--covering requires --apply.")
    settings = load_settings()
    with database_uri(settings) as uri, open_database(uri, settings) as database:
        for line in index_lines(database, settings, apply=apply, covering=covering):
            click.echo(line)


@cli.command(help="Export a report to a file.")
@click.option("--report", type=click.Choice([each.value for each in ExportReport]), required=True)
@click.option("--format", type=click.Choice([each.value for each in ExportFormat]), required=True)
@click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="The file to write.",
)  # fmt: skip
@click.option("--event-type", help="Events dashboard: only events of this type.")
@click.option("--active-only", is_flag=True, help="Events dashboard: only active events.")
@click.option("--event-id", help="Ticket report: the event's id.")
@click.option("--mobile-app-id", help="Ticket report: the mobile app's id.")
@click.option("--exclude-deleted", is_flag=True, help="Ticket report: exclude deleted tickets.")
@click.option(
    "--last-updated-since", type=_DateTime(), help="Ticket report: tickets updated then or later."
)
@click.option(
    "--last-updated-before", type=_DateTime(), help="Ticket report: tickets updated before."
)
def export(
    report: str,
    format: str,
    file: Path,
    event_type: str | None,
    active_only: bool,
    event_id: str | None,
    mobile_app_id: str | None,
    exclude_deleted: bool,
    last_updated_since: datetime | None,
    last_updated_before: datetime | None,
) -> None:
    if not file.name:
        raise click.UsageError("-o requires the name of a file.")
    try:
        requested = export_of(
            ExportReport(report),
            event_type=event_type or None,
            active_only=active_only,
            event_id=event_id,
            mobile_app_id=mobile_app_id,
            tickets=Tickets(exclude_deleted, last_updated_since, last_updated_before),
        )
    except BadUserInput as error:
        raise click.UsageError(with_option_names(str(error))) from error
    written = write_export(load_settings(), requested, ExportFormat(format), file)
    note = "" if written.at_one_time else ", not of one snapshot: each query read its own time"
    click.echo(f"{file}: {written.rows} rows{note}")


@cli.group("rollups", help="Build, update, show and verify the rollups.")
def rollups_() -> None:
    """The group of the commands on rollups."""


@rollups_.command("build", help="Build all rollups.")
def rollups_build() -> None:
    rollups.build_all(load_settings())


@rollups_.command("run", help="Maintain all rollups until a signal ends it.")
def rollups_run() -> None:
    settings = load_settings()
    log.configure(settings.log_format)
    rollups.maintain_all(settings)


@rollups_.command("status", help="Show the lag, the keeper and the cells of each rollup.")
def rollups_status() -> None:
    print_status(load_settings())


@rollups_.command("verify", help="Compare all cells with a live count; exit with 1 if any differ.")
def rollups_verify() -> None:
    if differences := rollups.verify_all(load_settings()):
        raise StartupError(f"Cells that differ: {differences}. Keepers rebuild their rollups.")


@cli.command("schema", help="Print the schema, in GraphQL's schema language.")
def schema_() -> None:
    click.echo(schema.sdl(), nl=False)


def main() -> None:
    """The entry point. Prints an error in one line, and exits with 1, or 2 for a usage error."""
    try:
        cli.main(standalone_mode=False)
    except StartupError as error:
        _fail(str(error), 1)
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except PyMongoError as error:
        _fail(f"MongoDB error: {first_words(error)}", 1)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"headcount: {' '.join(message.split())}", err=True)
    sys.exit(code)
