"""The verifier and links: several secrets, lifetimes, types, and malformed claims."""

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from auth.key_sets import KeySet
from auth.links import LinkSigner
from auth.revocation import Revocation
from auth.tokens import LEEWAY, Verifier
from auth.verified_tokens import VerifiedTokens
from auth.viewer import Role, Viewer
from errors import Unauthenticated
from tests.conftest import SECRET, token

OLD, NEW = f"old {SECRET}", f"new {SECRET}"


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


async def _refused(verifier: Verifier, bearer: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verifier.viewer(bearer)
    return str(raised.value)


async def test_a_token_may_be_signed_with_any_of_several_secrets() -> None:
    verifier = Verifier(secrets=[NEW, OLD])
    for secret in (OLD, NEW):
        assert (await verifier.viewer(token(secret=secret))).subject == "caller"
        assert "expired" in await _refused(verifier, token(secret=secret, exp=1))
    assert "not valid" in await _refused(verifier, token())


def test_a_link_is_signed_with_the_first_secret_and_verified_with_any() -> None:
    viewer, now = Viewer(Role.ADMIN, subject="caller"), datetime.now(UTC)
    before, during, after = LinkSigner(OLD), LinkSigner(NEW, OLD), LinkSigner(NEW)
    for signer, verifiers in ((before, (before, during)), (during, (during, after))):
        link, _ = signer.sign(viewer, "/file", now)
        for each in verifiers:
            assert each.verify(link, "/file")[0].subject == "caller"
    with pytest.raises(Unauthenticated, match="not valid"):
        after.verify(before.sign(viewer, "/file", now)[0], "/file")


@pytest.mark.parametrize("lifetime", [1, 600])
async def test_a_token_may_live_as_long_as_the_maximum(lifetime: int) -> None:
    verifier = Verifier(secrets=[SECRET], max_age=600)
    assert await verifier.viewer(token(exp=_now() + lifetime))


@pytest.mark.parametrize("lifetime", [601, 3600, 10**15])
async def test_a_token_that_lives_longer_than_the_maximum_is_rejected(lifetime: int) -> None:
    message = await _refused(
        Verifier(secrets=[SECRET], max_age=600), token(iat=1_000, exp=1_000 + lifetime + _now())
    )
    assert "at most 600 s" in message


async def test_a_maximum_lifetime_requires_iat() -> None:
    verifier = Verifier(secrets=[SECRET], max_age=600)
    assert "'iat'" in await _refused(verifier, token(iat=None, exp=_now() + 60))
    # A time of issue in the future makes the lifetime look short.
    assert "not valid yet" in await _refused(verifier, token(iat=_now() + 900, exp=_now() + 960))
    assert await Verifier(secrets=[SECRET]).viewer(token(iat=None))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["9", True, "soon", [1], {}, float("inf"), float("nan"), None])
async def test_a_time_that_is_no_number_is_rejected(claim: str, value: Any) -> None:
    claims = {"exp": _now() + 60, claim: value}
    if value == "9":
        claims[claim] = str(_now() + 60 if claim == "exp" else _now() - 60)
    await _refused(Verifier(secrets=[SECRET]), jwt.encode(claims, SECRET, "HS256"))


@pytest.mark.parametrize("type", ["JWT", "jwt", "at+jwt", "AT+JWT", None])
async def test_a_type_of_bearer_tokens_is_accepted(type: str | None) -> None:
    made = jwt.encode({"exp": _now() + 60}, SECRET, "HS256", headers={"typ": type})
    assert ("typ" in jwt.get_unverified_header(made)) is (type is not None)
    assert await Verifier(secrets=[SECRET]).viewer(made)


@pytest.mark.parametrize("type", ["headcount-link+jwt", "logout+jwt", "JOSE", "J", 7, ["JWT"], {}])
async def test_another_type_is_rejected(type: Any) -> None:
    made = jwt.encode({"exp": _now() + 60}, SECRET, "HS256", headers={"typ": type or {"a": 1}})
    assert "'typ'" in await _refused(Verifier(secrets=[SECRET]), made)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 40_000,
        b"\xff",
        b"[]",
        b'"HS256"',
        b'{"alg": ["HS256"]}',
        b'{"alg": "HS256", "kid": 7}',
        b'{"alg": "HS256", "kid": {}}',
        b"",
    ],
)
async def test_a_malformed_header_is_rejected(header: bytes) -> None:
    _, *rest = token().split(".")
    made = ".".join([base64.urlsafe_b64encode(header).rstrip(b"=").decode(), *rest])
    assert "not valid" in await _refused(Verifier(secrets=[SECRET]), made)


@pytest.mark.parametrize("bearer", ["", ".", "..", "...", "a", "\ud800.x.y", "\u00e9.\u00e9"])
async def test_a_text_that_is_no_token_is_rejected(bearer: str) -> None:
    assert "not valid" in await _refused(Verifier(secrets=[SECRET]), bearer)


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": 1e300},
        {"iat": -1e20},
        {"iat": -62_135_596_000},
        {"iat": math.nan},
        {"iat": math.inf},
        {"iat": "5"},
        {"iat": None},
        {"iat": []},
        {"exp": math.nan},
        {"exp": math.inf},
        {"exp": "x"},
        {"exp": []},
        {"target": 5},
        {"target": "\u00e9"},
        {"token": 5},
        {"token": {"other": 5}},
        {"token": {"id": ["x"]}},
        {"token": {"subject": {"a": 1}}},
    ],
)
def test_a_link_with_a_malformed_claim_is_rejected(claims: dict[str, Any]) -> None:
    signer = LinkSigner(SECRET)
    link, _ = signer.sign(Viewer(Role.ADMIN), "/file", datetime.now(UTC))
    given = jwt.decode(link, options={"verify_signature": False}) | claims
    made = jwt.encode(given, signer._keys[0], "HS256", headers={"typ": "headcount-link+jwt"})
    with pytest.raises(Unauthenticated):
        signer.verify(made, "/file")


# ---------------------------------------------------------------- tokens that come again


class _Counting(Verifier):
    """Counts how often a signature is checked."""

    checked: ClassVar[int] = 0

    def _claims_by(self, *given: Any) -> Mapping[str, Any]:
        type(self).checked += 1
        return super()._claims_by(*given)


def _remembering(**options: Any) -> tuple[_Counting, list[datetime]]:
    """A verifier that checks a signature once, and the time of its clock."""
    clock = [datetime.now(UTC)]
    _Counting.checked = 0
    return _Counting(verified=VerifiedTokens(lambda: clock[0], LEEWAY), **options), clock


async def test_a_signature_is_checked_once() -> None:
    verifier, _ = _remembering(secrets=[SECRET])
    given = token(role="admin")
    first = await verifier.viewer(given)
    assert await verifier.viewer(given) is first
    assert _Counting.checked == 1
    with pytest.raises(Unauthenticated):
        await verifier.viewer(f"{given[:-4]}AAAA")


async def test_a_verified_token_expires() -> None:
    verifier, clock = _remembering(secrets=[SECRET])
    given = token(exp=int(clock[0].timestamp()) - 10)
    await verifier.viewer(given)
    clock[0] += LEEWAY - timedelta(seconds=9)
    await verifier.viewer(given)
    assert _Counting.checked == 2, "the token's own check decides"


async def test_a_verified_token_can_be_revoked() -> None:
    verifier, _ = _remembering(secrets=[SECRET])
    given = token(jti="one")
    await verifier.viewer(given)
    verifier.denylist.replace([Revocation("one", None)])
    with pytest.raises(Unauthenticated, match="revoked"):
        await verifier.viewer(given)


async def test_a_verified_token_is_checked_again_once_its_key_set_is_read_anew() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = json.loads(RSAAlgorithm.to_jwk(private.public_key())) | {"kid": "a", "use": "sig"}
    served = [json.dumps({"keys": [key]}).encode()]

    async def read() -> bytes:
        return served[0]

    key_set = KeySet(read)
    verifier, _ = _remembering(key_set=key_set)
    given = jwt.encode({"exp": _now() + 60}, private, algorithm="RS256", headers={"kid": "a"})
    for _ in range(3):
        await verifier.viewer(given)
    assert _Counting.checked == 1
    await key_set.refresh()
    await verifier.viewer(given)
    assert _Counting.checked == 2
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    served[0] = served[0].replace(
        key["n"].encode(), json.loads(RSAAlgorithm.to_jwk(other.public_key()))["n"].encode()
    )
    await key_set.refresh()
    with pytest.raises(Unauthenticated):
        await verifier.viewer(given)
