"""Links that work by themselves: tokens for one address and a short time, good for nothing else."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from auth.tokens import SHARED_KEY_ALGORITHM
from auth.viewer import Viewer
from errors import Unauthenticated

TTL: Final = timedelta(minutes=5)
"""How long a link works."""

# What tells these tokens from those that callers bring.
_TYPE: Final = "headcount-link+jwt"


class Links:
    """Signs links, with a key that is derived from the secret: no link is a bearer's token."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"headcount link", "sha256")

    def sign(self, viewer: Viewer, target: str, now: datetime) -> tuple[str, datetime]:
        """A token that lets its bearer read one address as the viewer may; when it expires."""
        issued = now.replace(microsecond=0)
        claims = {
            "target": _digest(target),
            "sub": viewer.subject,
            "role": viewer.role.value,
            "organizer_id": viewer.organizer_id,
            "iat": issued,
            "exp": issued + TTL,
        }
        token = jwt.encode(
            claims, self._key, algorithm=SHARED_KEY_ALGORITHM, headers={"typ": _TYPE}
        )
        return token, issued + TTL

    def read(self, token: str, target: str) -> tuple[Viewer, datetime]:
        """Who asked for the link to an address, and when; raises `Unauthenticated`."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=[SHARED_KEY_ALGORITHM],
                options={
                    "require": ["exp", "iat", "target"],
                    "verify_sub": False,
                    # The clock of the server that signed it may be ahead.
                    "verify_iat": False,
                },
            )  # fmt: skip
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The link has expired; ask for a new one.") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated("The link is not valid; ask for a new one.") from error
        if not hmac.compare_digest(str(claims["target"]), _digest(target)):
            raise Unauthenticated("The link is for another file; ask for one for this.")
        return Viewer.of(claims), datetime.fromtimestamp(claims["iat"], UTC)


def is_link(token: str) -> bool:
    """Whether a token says that it is a link's."""
    try:
        return jwt.get_unverified_header(token).get("typ") == _TYPE
    except jwt.PyJWTError:
        return False


def _digest(target: str) -> str:
    return hashlib.sha256(target.encode()).hexdigest()
