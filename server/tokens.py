"""Issues tokens that a server with the same settings accepts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from auth import tokens
from server.clock import now
from server.settings import Settings


def token(settings: Settings, claims: Mapping[str, Any], ttl: timedelta) -> str:
    """A signed token with `claims`, and the configured audience and issuer; valid for `ttl`."""
    expected = {"aud": settings.jwt_audience, "iss": settings.jwt_issuer}
    configured = {name: value for name, value in expected.items() if value is not None}
    return tokens.sign({**claims, **configured}, secret=settings.secret(), now=now(), ttl=ttl)
