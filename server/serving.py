"""Running the server, and the demo around it."""

import asyncio
import math
import os
import secrets
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click
import uvicorn
from pydantic import SecretStr

from auth import tokens
from errors import StartupError
from server import app, data
from server.clock import now
from server.database import connect
from server.settings import PREFIX, Settings
from server.telemetry import Commands, Figures

_DEMO_TTL = timedelta(days=1)
_DEMO_CLAIMS: Mapping[str, Mapping[str, Any]] = {
    "admin": {},
    "staff": {"permissions": ["view_customers"]},
    "organizer": {"organizer_id": "org-aurora"},
    "customer": {},
}


def token(secret: str, claims: Mapping[str, Any], ttl: timedelta) -> str:
    """A token with these claims, good from now."""
    return tokens.sign(claims, secret=secret, now=now(), ttl=ttl)


def serve(settings: Settings) -> None:
    """Serves until a signal ends it; raises `StartupError` where it can't."""
    settings.verifier()
    with _listening(settings) as listener, data.address(settings) as uri:
        asyncio.run(_serve(settings, uri, listener))


def demo(settings: Settings, scale: float) -> None:
    """Fills the database with demo data, once; prints a token for each role; serves."""
    if settings.jwt_secret is None and settings.jwt_jwks is None:
        settings = settings.model_copy(update={"jwt_secret": SecretStr(_demo_secret())})
    with _listening(settings) as listener, data.address(settings) as uri:
        with data.opened_at(uri, settings) as database:
            data.seed_once(database, settings, scale)
        # Who reads the welcome and asks at once is to wait, not to be refused.
        listener.listen()
        _welcome(settings, listener)
        asyncio.run(_serve(settings, uri, listener))


async def _serve(settings: Settings, uri: str, listener: socket.socket) -> None:
    figures = Figures()
    async with connect(uri, settings, Commands(figures)) as database:
        config = uvicorn.Config(
            app.create(settings, database, figures),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=math.ceil(settings.request_timeout),
            ws="none",
        )
        await uvicorn.Server(config).serve(sockets=[listener])


def _listening(settings: Settings) -> socket.socket:
    # Before all that takes time: a taken port should be known at once.
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With its protocol named: else asyncio leaves Nagle's algorithm on, which costs small answers
    # some 45 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Can't listen on {settings.host} port {settings.port} ({error.strerror}): "
            f"set {PREFIX}HOST and {PREFIX}PORT to an address that is free."
        ) from error
    return listener


def _demo_secret() -> str:
    # Kept, so that a token goes on working when the demo is started again.
    file = data.FOLDER / "jwt-secret"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(f".{os.getpid()}")
        with open(os.open(made, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(48))
        made.rename(file)
    return file.read_text().strip()


def _welcome(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    click.echo(f"\nGraphiQL: {url}\n")
    if settings.jwt_secret is None:
        click.echo("Tokens: your key set's issuer makes them; headcount only verifies.\n")
        return
    for role, claims in _DEMO_CLAIMS.items():
        made = token(settings.secret(), {"sub": f"demo {role}", "role": role, **claims}, _DEMO_TTL)
        click.echo(f"{role}: {made}\n")
    click.echo('In GraphiQL put {"Authorization": "Bearer <token>"} under Headers.\n')
