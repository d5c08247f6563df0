"""Link tokens: signed tokens that are valid for one URL target and a short time."""

import hashlib
import hmac
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from auth.revocation import Denylist, TokenIdentity
from auth.tokens import MALFORMED, SHARED_KEY_ALGORITHM
from auth.viewer import Viewer
from errors import Unauthenticated

TTL: Final = timedelta(minutes=5)
"""How long a link token is valid."""

_DAY: Final = timedelta(days=1)

# The `typ` header, which distinguishes link tokens from bearer tokens.
_TYPE: Final = "headcount-link+jwt"


class LinkSigner:
    """Signs and verifies link tokens.

    The first secret signs; a link may be signed with any. The keys are derived from the secrets, so
    a link token is never accepted as a bearer token. A link is revoked with the token that made it.
    """

    def __init__(self, *secrets: str, denylist: Denylist | None = None) -> None:
        self._keys = [
            hmac.digest(secret.encode(), b"headcount link", "sha256") for secret in secrets
        ]
        self._denylist = Denylist() if denylist is None else denylist

    def sign(self, viewer: Viewer, target: str, now: datetime) -> tuple[str, datetime]:
        """A token that grants the viewer's access to `target`, and the time it expires."""
        issued = now.replace(microsecond=0)
        claims = {
            "target": _digest(target),
            "sub": viewer.subject,
            "role": viewer.role.value,
            "organizer_id": viewer.organizer_id,
            "token": asdict(viewer.token),
            "iat": issued,
            "exp": issued + TTL,
        }
        token = jwt.encode(
            claims, self._keys[0], algorithm=SHARED_KEY_ALGORITHM, headers={"typ": _TYPE}
        )
        return token, issued + TTL

    def verify(self, token: str, target: str) -> tuple[Viewer, datetime]:
        """The viewer that requested a link to `target`, and the time of that request.

        Raises `Unauthenticated` if the link is invalid, expired, revoked or for another target.
        """
        try:
            claims = self._claims(token)
            if not hmac.compare_digest(str(claims["target"]), _digest(target)):
                raise Unauthenticated("The link is for another file: request one for this file.")
            self._denylist.check(TokenIdentity(**claims["token"]))
            at = datetime.fromtimestamp(claims["iat"], UTC)
            # The file's name has the time in any zone.
            _ = at - _DAY, at + _DAY
            return Viewer.of(claims), at
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The link has expired: request a new one.") from error
        except (jwt.PyJWTError, OSError, *MALFORMED) as error:
            raise Unauthenticated("The link is not valid: request a new one.") from error

    def _claims(self, token: str) -> dict[str, Any]:
        rejected = jwt.InvalidSignatureError()
        for key in self._keys:
            try:
                return jwt.decode(
                    token, key, algorithms=[SHARED_KEY_ALGORITHM],
                    options={
                        "require": ["exp", "iat", "target", "token"],
                        "verify_sub": False,
                        # The clock of the server that signed the token may be ahead.
                        "verify_iat": False,
                    },
                )  # fmt: skip
            except jwt.InvalidSignatureError as error:
                rejected = error
        raise rejected


def is_link(token: str) -> bool:
    """Whether a token claims to be a link token; the signature is not checked."""
    try:
        return jwt.get_unverified_header(token).get("typ") == _TYPE
    except jwt.PyJWTError:
        return False


def _digest(target: str) -> str:
    return hashlib.sha256(target.encode()).hexdigest()
