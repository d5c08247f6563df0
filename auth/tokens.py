"""Signs and verifies JSON Web Tokens. A token never chooses its algorithm."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from jwt.utils import base64url_decode

from auth.key_sets import KEY_SET_ALGORITHMS, KeySet
from auth.revocation import Denylist
from auth.verified_tokens import VerifiedToken, VerifiedTokens, uses
from auth.viewer import Viewer
from errors import Unauthenticated

SHARED_KEY_ALGORITHM: Final = "HS256"
LEEWAY: Final = timedelta(seconds=30)
"""Largest accepted difference between the clocks of issuer and server."""

MALFORMED: Final = (ValueError, TypeError, OverflowError)
"""What claims of wrong types or sizes raise."""

_TYPES: Final = ("jwt", "at+jwt")
_TIMES: Final = ("exp", "nbf", "iat")


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """Verifies tokens and turns them into viewers.

    `max_age` is the longest time between `iat` and `exp`, in seconds; None admits any. With
    `verified`, signatures are checked once.
    """

    secrets: Sequence[str] = field(default=(), repr=False)
    key_set: KeySet | None = None
    audience: str | None = None
    issuer: str | None = None
    max_age: int | None = None
    denylist: Denylist = field(default_factory=Denylist, repr=False)
    verified: VerifiedTokens | None = field(default=None, repr=False)

    async def viewer(self, token: str) -> Viewer:
        """The viewer that a token describes. Waits only for a key that is not cached.

        Raises `Unauthenticated` for an invalid token, and `ServiceUnavailable` if the key set can't
        be fetched.
        """
        try:
            viewer = await self._verified(token)
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
        except (jwt.PyJWTError, *MALFORMED) as error:
            raise Unauthenticated("The token is not valid: get a new one.") from error
        self.denylist.check(viewer.token)
        return viewer

    async def _verified(self, token: str) -> Viewer:
        found = self.verified and self.verified.get(token)
        header = found.header if found else _header(token)
        keys, algorithms = await self._keys_for(header)
        if found and uses(keys, found):
            return found.viewer
        key, claims = self._claims(token, keys, algorithms)
        viewer = Viewer.of(claims)
        if self.verified:
            self.verified.add(token, VerifiedToken(viewer, header, key))
        return viewer

    def _claims(
        self, token: str, keys: Sequence[jwt.PyJWK | str], algorithms: Sequence[str]
    ) -> tuple[jwt.PyJWK | str, Mapping[str, Any]]:
        """(the key that verifies a token, its claims)."""
        rejected: jwt.PyJWTError = jwt.InvalidKeyError("no key is configured")
        # Keys may share a `kid`, and several secrets are valid while they are changed.
        for key in keys:
            try:
                return key, self._claims_by(key, algorithms, token)
            except (
                jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError
            ) as error:  # fmt: skip
                rejected = error
        raise rejected

    async def _keys_for(
        self, header: Mapping[str, Any]
    ) -> tuple[Sequence[jwt.PyJWK | str], Sequence[str]]:
        # Each key is used only with its own algorithms: a token must not make the verifier use a
        # public RSA key as a shared secret.
        algorithm = header.get("alg")
        if algorithm == SHARED_KEY_ALGORITHM:
            return self.secrets, (SHARED_KEY_ALGORITHM,)
        if self.key_set is None or algorithm not in KEY_SET_ALGORITHMS:
            raise jwt.InvalidAlgorithmError("the algorithm is not allowed")
        return await self.key_set.keys(header.get("kid")), KEY_SET_ALGORITHMS

    def _claims_by(
        self, key: jwt.PyJWK | str, algorithms: Sequence[str], token: str
    ) -> Mapping[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[*algorithms],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY,
            options={
                "require": ["exp"] if self.max_age is None else ["exp", "iat"],
                "verify_aud": self.audience is not None,
                "verify_iss": self.issuer is not None,
                # Some issuers store numbers in `sub` and `jti`; PyJWT accepts only strings.
                "verify_sub": False,
                "verify_jti": False,
            },
        )
        for name in _TIMES:
            # PyJWT accepts strings of digits too.
            if isinstance(claims.get(name, 0), bool | str):
                raise Unauthenticated(f"The token's '{name}' must be a number.")
        if self.max_age is not None and (age := claims["exp"] - claims["iat"]) > self.max_age:
            raise Unauthenticated(
                f"The token is valid for {age:g} s, from 'iat' to 'exp': "
                f"at most {self.max_age} s are allowed."
            )
        return claims


def _header(token: str) -> Mapping[str, Any]:
    """The header, whose signature is not checked yet; raises `jwt.DecodeError` or `ValueError`."""
    parts = [base64url_decode(part) for part in token.split(".", 2)[:2]]
    # PyJWT reads UTF-16 and UTF-32 too, where each ASCII character has a NUL byte.
    if any(b"\0" in part for part in parts):
        raise jwt.DecodeError("a token must be encoded in UTF-8")
    try:
        header = json.loads(parts[0])
    except RecursionError as error:
        raise jwt.DecodeError("the header is nested too deeply") from error
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str | None):
        raise jwt.DecodeError("the header must be an object, and its 'kid' a string")
    if "typ" in header and str(header["typ"]).lower() not in _TYPES:
        raise Unauthenticated("The token's 'typ' must be JWT or at+jwt.")
    return header


def bearer(authorization: str) -> str:
    """The bearer token of an `Authorization` header; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def sign(claims: Mapping[str, Any], *, secret: str, now: datetime, ttl: timedelta) -> str:
    """A token with `claims`, valid from `now` for `ttl`."""
    times = {"iat": int(now.timestamp()), "exp": int((now + ttl).timestamp())}
    return jwt.encode({**claims, **times}, secret, algorithm=SHARED_KEY_ALGORITHM)
