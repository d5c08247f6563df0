"""Signs and verifies JSON Web Tokens. A token never chooses its algorithm."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
import structlog

from auth.viewer import Viewer
from errors import ServiceUnavailable, StartupError, Unauthenticated

_log = structlog.get_logger(__name__)

SHARED_KEY_ALGORITHM: Final = "HS256"
KEY_SET_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
LEEWAY: Final = timedelta(seconds=30)
"""Largest accepted difference between the clocks of issuer and server."""


class KeySet:
    """A JSON Web Key Set from a file or a URL; a URL is fetched again for an unknown key id."""

    def __init__(self, source: str) -> None:
        self._client: jwt.PyJWKClient | None = None
        self._keys: Sequence[jwt.PyJWK] = ()
        if source.startswith(("http://", "https://")):
            self._client = jwt.PyJWKClient(source, timeout=5)
            return
        try:
            self._keys = jwt.PyJWKSet.from_dict(json.loads(Path(source).read_text())).keys
        except (OSError, ValueError, AttributeError, jwt.PyJWTError) as error:
            raise StartupError(
                f"HEADCOUNT_JWT_JWKS: {source} can't be read as a key set ({error}); "
                "give the URL or the file of a JSON Web Key Set."
            ) from error

    def key(self, token: str) -> jwt.PyJWK:
        """The key with the token's `kid`; may block on the network. Raises `jwt.PyJWTError`."""
        if self._client is not None:
            return self._client.get_signing_key_from_jwt(token)
        wanted = jwt.get_unverified_header(token).get("kid")
        for key in self._keys:
            if key.key_id == wanted:
                return key
        raise jwt.InvalidKeyError("no key has this id")


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Verifies tokens and turns them into viewers."""

    secret: str | None = field(default=None, repr=False)
    key_set: KeySet | None = None
    audience: str | None = None
    issuer: str | None = None

    def viewer(self, token: str) -> Viewer:
        """The viewer that a token describes; may block on the network.

        Raises `Unauthenticated` for an invalid token, and `ServiceUnavailable` if the key set can't
        be fetched.
        """
        try:
            return Viewer.of(self._claims(token))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired: get a new one.") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"The token lacks the claim '{error.claim}'.") from error
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated("The token is not valid yet (nbf, iat).") from error
        except jwt.InvalidAudienceError as error:
            raise Unauthenticated(
                "The token's 'aud' must be the audience of this server."
            ) from error
        except jwt.InvalidIssuerError as error:
            raise Unauthenticated("The token's 'iss' must be the issuer of this server.") from error
        except jwt.PyJWKClientConnectionError as error:
            _log.warning("the key set can't be fetched", reason=str(error))
            raise ServiceUnavailable("The key set can't be fetched: retry in 5 s.") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Unauthenticated("The token is not valid: get a new one.") from error

    def _claims(self, token: str) -> Mapping[str, Any]:
        key, algorithms = self._key_for(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[*algorithms],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY,
            options={
                "require": ["exp"],
                "verify_aud": self.audience is not None,
                "verify_iss": self.issuer is not None,
                # Some issuers store numbers in `sub` and `jti`; PyJWT accepts only strings.
                "verify_sub": False,
                "verify_jti": False,
            },
        )
        return claims

    def _key_for(self, token: str) -> tuple[jwt.PyJWK | str, Sequence[str]]:
        # Each key is used only with its own algorithms: a token must not make the verifier use a
        # public RSA key as a shared secret.
        if self.key_set is not None and not (self.secret is not None and _is_shared(token)):
            return self.key_set.key(token), KEY_SET_ALGORITHMS
        if self.secret is not None:
            return self.secret, (SHARED_KEY_ALGORITHM,)
        raise jwt.InvalidKeyError("no key is configured")


def _is_shared(token: str) -> bool:
    return jwt.get_unverified_header(token).get("alg") == SHARED_KEY_ALGORITHM


def bearer(authorization: str) -> str:
    """The bearer token of an `Authorization` header; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def sign(claims: Mapping[str, Any], *, secret: str, now: datetime, ttl: timedelta) -> str:
    """A token with `claims`, valid from `now` for `ttl`."""
    times = {"iat": int(now.timestamp()), "exp": int((now + ttl).timestamp())}
    return jwt.encode({**claims, **times}, secret, algorithm=SHARED_KEY_ALGORITHM)
