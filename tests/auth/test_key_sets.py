"""Key sets: which keys verify a token, and what happens while their source is slow or away."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from auth.key_sets import KeySet
from auth.tokens import Verifier
from auth.viewer import Role
from cancelling import running
from errors import ServiceUnavailable, Unauthenticated
from server.key_source import key_set
from tests.conftest import SECRET, token
from tests.issuer import PRIVATE, KeyServer, public, published, signed, until

OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PATIENCE = 100.0
"""Seconds that a read may take, where a test needs it to go on."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    _write(file, published())
    return file


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        yield server


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admits any number of reads."""
    monkeypatch.setattr("auth.key_sets._PAUSE_SECONDS", 0)
    monkeypatch.setattr("auth.key_sets._FIRST_PAUSE_SECONDS", 0)


def _key_set(source: object, seconds: float = PATIENCE) -> tuple[KeySet, list[bool]]:
    """A key set, and the outcomes of its reads."""
    outcomes: list[bool] = []
    return key_set(str(source), seconds=seconds, on_read=outcomes.append), outcomes


def _verifier(source: object, seconds: float = PATIENCE, **given: Any) -> Verifier:
    return Verifier(key_set=_key_set(source, seconds)[0], **given)


async def _refused(verifier: Verifier, bearer: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verifier.viewer(bearer)
    return str(raised.value)


async def _is_valid(verifier: Verifier, bearer: str) -> bool:
    return (await verifier.viewer(bearer)).role is Role.ADMIN


# ---------------------------------------------------------------- which key


@pytest.mark.parametrize("algorithm", PRIVATE)
async def test_a_token_signed_with_a_key_of_a_file_is_valid(file: Path, algorithm: str) -> None:
    assert await _is_valid(_verifier(file), signed(algorithm))


@pytest.mark.parametrize("algorithm", PRIVATE)
async def test_a_token_signed_with_a_key_of_a_url_is_valid(
    server: KeyServer, algorithm: str
) -> None:
    assert await _is_valid(_verifier(server.url), signed(algorithm))


@pytest.mark.parametrize(
    "bearer",
    [
        signed(key=OTHER),
        signed(kid="unknown"),
        signed(kid="ES256"),
        signed(headers={"kid": ""}),
        token(),
        token(secret="", algorithm="none"),
    ],
)
async def test_a_token_signed_with_another_key_is_rejected(file: Path, bearer: str) -> None:
    assert "not valid" in await _refused(_verifier(file), bearer)


async def test_a_public_key_is_never_used_as_a_shared_secret(file: Path) -> None:
    # The algorithm confusion attack: HS256 with the public key as the secret.
    verifier = _verifier(file)
    for key in published()["keys"]:
        await _refused(verifier, signed("HS256", kid=key["kid"], key=key.get("n") or key["x"]))


async def test_secret_and_key_set_may_both_be_configured(file: Path) -> None:
    verifier = _verifier(file, secrets=[SECRET])
    assert await _is_valid(verifier, signed())
    assert await _is_valid(verifier, signed("HS256", key=SECRET))


async def test_keys_with_the_same_kid_are_tried_in_turn(server: KeyServer) -> None:
    keys = (public("RS256", "a", OTHER), public("ES256", "a"), public("RS256", "a"))
    server.publish(*keys)
    verifier = _verifier(server.url)
    for bearer in (signed(kid="a", key=OTHER), signed("ES256", "a"), signed(kid="a")):
        assert await _is_valid(verifier, bearer)
    await _refused(verifier, signed("EdDSA", "a"))
    assert "expired" in await _refused(verifier, signed(kid="a", exp=1))


async def test_a_short_rsa_key_is_not_used_and_logged(server: KeyServer) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    server.publish(public("RS256", "short", short), public("RS256"))
    verifier = _verifier(server.url)
    with capture_logs() as logs:
        assert await _is_valid(verifier, signed())
    assert [(each["kid"], each["bits"]) for each in logs] == [("short", 1024)]
    with pytest.warns(match="1024 bits"):
        forged = signed(kid="short", key=short)
    await _refused(verifier, forged)


async def test_keys_of_other_kinds_are_not_used(server: KeyServer) -> None:
    others: list[Any] = [
        {**public("RS256", "a"), "use": "enc"},
        {**public("RS256", "b"), "alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "c", "alg": "HS256"},
        {**public("RS256"), "kid": ["d"]},
        {"kty": "RSA", "n": 1, "e": None},
        {"kty": "unheard of"},
        "no key",
        None,
    ]
    server.content = json.dumps({"keys": [*others, public("RS256")]}).encode()
    verifier = _verifier(server.url)
    assert await _is_valid(verifier, signed())
    for kid in ("a", "b"):
        await _refused(verifier, signed(kid=kid))


# ---------------------------------------------------------------- the source is away


async def test_an_unreachable_key_set_is_service_unavailable() -> None:
    keys, outcomes = _key_set("http://127.0.0.1:1/keys")
    with pytest.raises(ServiceUnavailable), capture_logs() as logs:
        await Verifier(key_set=keys).viewer(signed())
    assert outcomes == [False]
    assert [each["event"] for each in logs] == ["the key set can't be fetched"]


async def test_a_silent_key_server_is_given_up_within_the_limit(server: KeyServer) -> None:
    server.answers.clear()
    keys, outcomes = _key_set(server.url, seconds=0.05)
    with pytest.raises(ServiceUnavailable), capture_logs() as logs:
        await Verifier(key_set=keys).viewer(signed())
    assert outcomes == [False]
    assert [each["reason"] for each in logs] == ["no answer within 0.05 s"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b"\xff",
        b"[" * 100_000,
        b'{"keys": [' + b" " * 300_000 + b"]}",
    ],
)
@pytest.mark.usefixtures("unhurried")
async def test_the_last_good_set_stays_in_use_if_the_next_is_invalid(
    server: KeyServer, content: bytes
) -> None:
    keys, outcomes = _key_set(server.url)
    verifier = Verifier(key_set=keys)
    assert await _is_valid(verifier, signed())
    server.content = content
    with capture_logs() as logs:
        assert not await keys.refresh()
    assert [each["cached_keys"] for each in logs] == [3]
    assert await _is_valid(verifier, signed())
    with pytest.raises(ServiceUnavailable):
        await verifier.viewer(signed(kid="unknown"))
    server.publish()
    assert await keys.refresh()
    await _refused(verifier, signed(kid="unknown"))
    assert outcomes == [True, False, False, True, True]


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_an_answer_with_another_status_is_no_key_set(server: KeyServer, status: int) -> None:
    server.status = status
    keys, outcomes = _key_set(server.url)
    with pytest.raises(ServiceUnavailable), capture_logs() as logs:
        await Verifier(key_set=keys).viewer(signed())
    assert outcomes == [False]
    assert str(status) in logs[0]["reason"]


async def test_a_password_in_the_url_is_not_logged() -> None:
    keys, _ = _key_set("http://user:secretword@127.0.0.1:1/keys?key=secretword")
    with pytest.raises(ServiceUnavailable), capture_logs() as logs:
        await Verifier(key_set=keys).viewer(signed())
    assert "secretword" not in str(logs)


# ---------------------------------------------------------------- when it is read


async def test_concurrent_callers_share_one_read(server: KeyServer) -> None:
    server.answers.clear()
    verifier = _verifier(server.url)
    waiting = [asyncio.create_task(_is_valid(verifier, signed(kid))) for kid in PRIVATE]
    await server.asked(1)
    server.answers.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert server.requests == 1


async def test_a_caller_that_leaves_does_not_cancel_the_read_of_another(
    server: KeyServer,
) -> None:
    server.answers.clear()
    verifier = _verifier(server.url)
    leaving, staying = (asyncio.create_task(_is_valid(verifier, signed())) for _ in range(2))
    await server.asked(1)
    leaving.cancel()
    await asyncio.wait([leaving])
    server.answers.set()
    assert await staying
    assert server.requests == 1


@pytest.mark.usefixtures("unhurried")
async def test_a_new_kid_is_looked_for_at_once(server: KeyServer) -> None:
    verifier = _verifier(server.url)
    assert await _is_valid(verifier, signed())
    await _refused(verifier, signed(kid="new", key=OTHER))
    server.publish(public("RS256"), public("RS256", "new", OTHER))
    assert await _is_valid(verifier, signed(kid="new", key=OTHER))


async def test_unknown_kids_are_looked_for_once_in_ten_seconds(server: KeyServer) -> None:
    verifier = _verifier(server.url)
    assert await _is_valid(verifier, signed())
    for number in range(10):
        await _refused(verifier, signed(kid=f"forged-{number}"))
    assert server.requests == 1


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(
    "bearer",
    [
        signed(kid="unknown", headers={"typ": "secevent+jwt"}),
        signed("HS256", kid="unknown", key=SECRET),
        signed("RS512", kid="unknown", key=PRIVATE["RS256"]),
        "a.b.c",
    ],
)
async def test_a_token_that_no_key_can_make_valid_causes_no_read(
    server: KeyServer, bearer: str
) -> None:
    await _refused(_verifier(server.url), bearer)
    assert server.requests == 0


async def test_a_set_is_read_again_when_it_is_old(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.key_sets._AGE_SECONDS", 0.01)
    keys, outcomes = _key_set(server.url)
    verifier = Verifier(key_set=keys)
    async with running(keys.keep_fresh()):
        await until(lambda: bool(outcomes))
        assert await _is_valid(verifier, signed())
        server.publish(public("ES256"))
        seen = len(outcomes)
        await until(lambda: len(outcomes) >= seen + 2)
    await _refused(verifier, signed())
    assert await _is_valid(verifier, signed("ES256"))


@pytest.mark.usefixtures("unhurried")
async def test_a_changed_file_is_read_again(file: Path) -> None:
    verifier = _verifier(file)
    _write(file, published(public("RS256", "new", OTHER)))
    assert await _is_valid(verifier, signed(kid="new", key=OTHER))
    await _refused(verifier, signed())
