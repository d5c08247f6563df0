"""Tokens that this server itself accepts, for whoever starts it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from auth import tokens
from server.clock import now
from server.settings import Settings


def token(settings: Settings, claims: Mapping[str, Any], ttl: timedelta) -> str:
    """A token with these claims that a server with these settings accepts, good from now."""
    wanted = {"aud": settings.jwt_audience, "iss": settings.jwt_issuer}
    named = {name: value for name, value in wanted.items() if value is not None}
    return tokens.sign({**claims, **named}, secret=settings.secret(), now=now(), ttl=ttl)
