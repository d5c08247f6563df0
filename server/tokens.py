"""Issues tokens that a server with the same settings accepts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from auth import tokens
from errors import StartupError
from server.clock import now
from server.settings import PREFIX, Settings


def token(settings: Settings, claims: Mapping[str, Any], ttl: timedelta) -> str:
    """A signed token with `claims`, a `jti`, and the configured audience and issuer.

    It is valid for `ttl`. Raises `StartupError` if the server would refuse it for its lifetime.
    """
    max_age = settings.jwt_max_age
    if max_age is not None and ttl > timedelta(seconds=max_age):
        raise StartupError(
            f"A token may be valid for at most {max_age} s ({PREFIX}JWT_MAX_AGE): "
            f"pass --ttl {max_age}s or less."
        )
    expected = {"aud": settings.jwt_audience, "iss": settings.jwt_issuer}
    configured = {name: value for name, value in expected.items() if value is not None}
    # Names this token in a denylist.
    named = {"jti": uuid4().hex, **claims, **configured}
    return tokens.sign(named, secret=settings.secret(), now=now(), ttl=ttl)
