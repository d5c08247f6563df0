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
from server.commands import data, rollups
from server.commands import export as exporting
from server.settings import read, unknown


class _Ttl(click.ParamType[timedelta]):
    name = "ttl"
    _UNITS: ClassVar = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9]\d{0,5})([smhd])", value)
        if match is None:
            self.fail(f"{value} is no time: give one as 90s, 30m, 1h or 7d.", param, ctx)
        return timedelta(**{self._UNITS[match[2]]: int(match[1])})


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        try:
            return value if isinstance(value, datetime) else date_time(value)
        except BadUserInput as error:
            self.fail(str(error), param, ctx)


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(help="KPIs of an events, ticketing and commerce platform, over GraphQL.")
def cli() -> None:
    """The group of all commands."""


class _Scale(click.FloatRange):
    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("nan is no scale.", param, ctx)
        return number


_scale = click.option(
    "--scale",
    type=_Scale(min=0, min_open=True, max=100),
    default=1.0,
    show_default=True,
    help="How much: 1 is about 60 events, 30,000 tickets and 100,000 behaviour events.",
)


@cli.command(help="Serve, on the settings in the environment.")
def serve() -> None:
    settings = read()
    log.configure(settings.log_format)
    log.warn_of(unknown())
    serving.serve(settings)


@cli.command("demo", help="Try it: demo data (made once), a token for each role, and the server.")
@_scale
def demo_(scale: float) -> None:
    settings = read()
    log.configure(settings.log_format)
    log.warn_of(unknown())
    serving.demo(settings, scale)


@cli.command(help="Write demo data into the configured database.")
@_scale
@click.option(
    "--seed", "number", type=int, default=1, show_default=True, help="Another number, other data."
)
@click.option("--drop", is_flag=True, help="First drop the collections that demo data go into.")
def seed(scale: float, number: int, drop: bool) -> None:
    settings = read()
    with data.opened(settings) as database:
        data.seed(database, settings, scale=scale, number=number, drop=drop)


@cli.command(help="Print a token, signed with the configured secret.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option(
    "--permission",
    "permissions",
    type=click.Choice([permission.value for permission in Permission]),
    multiple=True,
    help="What staff may see; may be given several times.",
)
@click.option("--organizer-id", help="The organizer whose events an organizer sees.")
@click.option("--subject", default="headcount token", show_default=True)
@click.option("--ttl", type=_Ttl(), default="1h", show_default=True, help="90s, 30m, 1h, 7d, …")
def token(
    role: str, permissions: tuple[str, ...], organizer_id: str | None, subject: str, ttl: timedelta
) -> None:
    claims: dict[str, Any] = {"sub": subject, "role": role}
    if permissions:
        claims["permissions"] = list(permissions)
    if organizer_id:
        claims["organizer_id"] = organizer_id
    click.echo(tokens.token(read(), claims, ttl))


@cli.command(help="Show the indexes that the queries want, or build those that are missing.")
@click.option("--apply", is_flag=True, help="Build the missing ones.")
def indexes(apply: bool) -> None:
    settings = read()
    with data.opened(settings) as database:
        for index in data.indexes(database, settings, apply=apply):
            click.echo(index)


@cli.command(help="Write a report to a file: the same bytes as its download.")
@click.option("--report", type=click.Choice([each.value for each in ExportReport]), required=True)
@click.option("--format", type=click.Choice([each.value for each in ExportFormat]), required=True)
@click.option("-o", "--output", "file", type=_FILE, required=True, help="The file to write.")
@click.option("--event-type", help="Events dashboard: only events of this type.")
@click.option("--active-only", is_flag=True, help="Events dashboard: only active events.")
@click.option("--event-id", help="Ticket report: the event.")
@click.option("--mobile-app-id", help="Ticket report: the application.")
@click.option("--exclude-deleted", is_flag=True, help="Ticket report: no deleted tickets.")
@click.option(
    "--last-updated-since", type=_Moment(), help="Ticket report: only tickets updated since."
)
@click.option(
    "--last-updated-before", type=_Moment(), help="Ticket report: only tickets updated before."
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
        raise click.UsageError("-o needs the name of a file.")
    try:
        asked = export_of(
            ExportReport(report),
            event_type=event_type or None,
            active_only=active_only,
            event_id=event_id,
            mobile_app_id=mobile_app_id,
            tickets=Tickets(exclude_deleted, last_updated_since, last_updated_before),
        )
    except BadUserInput as error:
        raise click.UsageError(_by_options(str(error))) from error
    rows = exporting.export(read(), asked, ExportFormat(format), file)
    click.echo(f"{file}: {rows} rows")


def _by_options(complaint: str) -> str:
    """A complaint about arguments of `exportLink` as one about options of the command."""
    options = re.sub(r"(?<=')[a-z]+(?:[A-Z][a-z]+)+(?=')", _option, complaint)
    return options.replace("Argument", "Option")


def _option(name: re.Match[str]) -> str:
    return "--" + re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", name[0])


@cli.group("rollups", help="Maintain rollups, which answer dashboards within milliseconds.")
def rollups_() -> None:
    """The group of the commands on rollups."""


@rollups_.command("build", help="Build all cells, with a progress bar.")
def rollups_build() -> None:
    rollups.build_all(read())


@rollups_.command("run", help="Maintain all rollups until a signal ends it.")
def rollups_run() -> None:
    settings = read()
    log.configure(settings.log_format)
    rollups.maintain_all(settings)


@rollups_.command("status", help="Show the lag, the lease holder and the cells of each rollup.")
def rollups_status() -> None:
    rollups.print_status(read())


@rollups_.command("verify", help="Compare every cell with a fresh count; 1 if any differs.")
def rollups_verify() -> None:
    if differences := rollups.verify_all(read()):
        raise StartupError(f"{differences} cells differ from a fresh count: they are rebuilt.")


@cli.command("schema", help="Print the schema, in GraphQL's schema language.")
def schema_() -> None:
    click.echo(schema.sdl(), nl=False)


def main() -> None:
    """The entry point. What fails says so in one line, and exits with 1 (2: a wrong call)."""
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
        _fail(f"MongoDB refused: {first_words(error)}", 1)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"headcount: {' '.join(message.split())}", err=True)
    sys.exit(code)
