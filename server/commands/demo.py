"""The command `headcount demo`: serves demo data, and prints a token for each role."""

import hashlib
import os
import secrets
import socket
from typing import Any

import click
from pydantic import SecretStr

from server.commands.seeding import seed_once
from server.database import DATA_FOLDER, database_uri, open_database
from server.embedded.demo_access import demo_access, demo_tokens
from server.serving import bind, run, url_of
from server.settings import Settings


def serve_demo(settings: Settings, scale: float) -> None:
    """Writes demo data into an empty database, prints URLs and tokens, and serves."""
    generated_secret = not settings.secrets and settings.jwt_jwks is None
    changed: dict[str, Any] = {"dashboard": settings.dashboard is not False}
    if generated_secret:
        changed["jwt_secret"] = SecretStr(_secret(settings))
    settings = settings.model_copy(update=changed)
    with bind(settings) as listeners, database_uri(settings) as uri:
        with open_database(uri, settings) as database:
            seed_once(database, settings, scale)
            # Pages get no tokens that other servers accept, or that open other data than the demo.
            access = demo_access(database, settings) if generated_secret else None
        # From here on early requests wait for the server instead of being refused.
        listeners[0].listen()
        _print_welcome(settings, listeners[0], uri)
        run(settings, uri, listeners, access)


def _secret(settings: Settings) -> str:
    """The demo's secret, generated once for each database.

    It is stored, so that tokens stay valid when the demo restarts. A secret per database makes a
    token of one demo invalid for another.
    """
    name = "jwt-secret"
    if settings.mongodb_uri is not None:
        of = f"{settings.mongodb_uri.get_secret_value()} {settings.database} {settings.collections}"
        name += f"-{hashlib.sha256(of.encode()).hexdigest()[:16]}"
    file = DATA_FOLDER / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}")
        with open(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(48))
        new.rename(file)
    return file.read_text().strip()


def _print_welcome(settings: Settings, listener: socket.socket, uri: str) -> None:
    url = f"{url_of(listener)}/"
    click.echo()
    if settings.dashboard:
        click.echo(f"Dashboard: {url}\n")
    if settings.introspection:
        click.echo(f"GraphiQL: {url}graphql\n")
        click.echo(f"REST API: {url}docs\n")
    if settings.mongodb_uri is None:
        # Without credentials: it listens on the loopback only.
        click.echo(f"MongoDB: {uri}\n")
    if not settings.secrets:
        click.echo("Tokens: get them from the issuer of your key set.\n")
        return
    for role, token in demo_tokens(settings).items():
        click.echo(f"{role}: {token}\n")
    click.echo("Send a token with each request: 'Authorization: Bearer <token>'.\n")
