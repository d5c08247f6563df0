"""Signing and verifying JSON Web Tokens. Which algorithms count is set here, never by a token."""

import json
from collections.abc import Mapping, Sequence
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
"""How far the clocks of issuer and server may be apart."""


class KeySet:
    """A JSON Web Key Set, from a URL (asked again when an unknown key turns up) or a file."""

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
                f"HEADCOUNT_JWT_JWKS: {source} is no key set that can be read ({error}); "
                "give the URL or the file of a JSON Web Key Set."
            ) from error

    def key(self, token: str) -> jwt.PyJWK:
        """The key that a token names; raises `jwt.PyJWTError`. May wait for the network."""
        if self._client is not None:
            return self._client.get_signing_key_from_jwt(token)
        wanted = jwt.get_unverified_header(token).get("kid")
        for key in self._keys:
            if key.key_id == wanted:
                return key
        raise jwt.InvalidKeyError("no key of that id")


class Verifier:
    """Turns a token into its `Viewer`, or raises `Unauthenticated`."""

    def __init__(
        self,
        *,
        secret: str | None = None,
        key_set: KeySet | None = None,
        audience: str | None = None,
        issuer: str | None = None,
    ) -> None:
        self._secret = secret
        self._key_set = key_set
        self._audience = audience
        self._issuer = issuer

    def viewer(self, token: str) -> Viewer:
        """Who bears the token."""
        try:
            return Viewer.of(self._claims(token))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired; get a new one.") from error
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"The token has no claim '{error.claim}'.") from error
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated("The token is not valid yet.") from error
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
            raise Unauthenticated("The token is meant for another service.") from error
        except jwt.PyJWKClientConnectionError as error:
            _log.warning("the key set can't be fetched", reason=str(error))
            raise ServiceUnavailable("The key set can't be fetched; try again shortly.") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Unauthenticated("The token is not valid; get a new one.") from error

    def _claims(self, token: str) -> Mapping[str, Any]:
        key, algorithms = self._key_for(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[*algorithms],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY,
            options={
                "require": ["exp"],
                "verify_aud": self._audience is not None,
                "verify_iss": self._issuer is not None,
                # Issuers put numbers there, too; nothing here hangs on them.
                "verify_sub": False,
                "verify_jti": False,
            },
        )
        return claims

    def _key_for(self, token: str) -> tuple[jwt.PyJWK | str, Sequence[str]]:
        # A key only ever meets its own algorithms, so a token can't have an RSA key taken for a
        # shared secret.
        if self._key_set is not None and not (self._secret is not None and _is_shared(token)):
            return self._key_set.key(token), KEY_SET_ALGORITHMS
        if self._secret is not None:
            return self._secret, (SHARED_KEY_ALGORITHM,)
        raise jwt.InvalidKeyError("no key is configured")


def _is_shared(token: str) -> bool:
    return jwt.get_unverified_header(token).get("alg") == SHARED_KEY_ALGORITHM


def bearer(authorization: str) -> str:
    """The token of an `Authorization` header; empty where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def sign(claims: Mapping[str, Any], *, secret: str, now: datetime, ttl: timedelta) -> str:
    """A token with these claims that is good from now for `ttl`."""
    times = {"iat": int(now.timestamp()), "exp": int((now + ttl).timestamp())}
    return jwt.encode({**claims, **times}, secret, algorithm=SHARED_KEY_ALGORITHM)
