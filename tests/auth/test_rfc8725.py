"""The points of RFC 8725, section 3; docs/security.md names each test of this file."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth.key_sets import KeySet, usable_keys
from auth.links import LinkSigner
from auth.revocation import Denylist, Revocation
from auth.tokens import Verifier
from auth.viewer import Role, Viewer
from errors import StartupError, Unauthenticated
from server.settings import load_settings
from tests.conftest import SECRET, token
from tests.issuer import RSA, KeyServer, public, published, signed

OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def _verifier(*keys: dict[str, Any], **given: Any) -> Verifier:
    content = json.dumps(published(*keys)).encode()

    async def read() -> bytes:
        return content

    key_set = KeySet(read, keys=usable_keys(content))
    return Verifier(secrets=[SECRET], key_set=key_set, **given)


async def _refused(verifier: Verifier, bearer: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verifier.viewer(bearer)
    return str(raised.value)


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        yield server


def test_the_page_names_each_test() -> None:
    here = re.findall(r"^(?:async )?def (test_3_\w+)", Path(__file__).read_text(), re.MULTILINE)
    assert re.findall(r"`(test_3_\w+)`", PAGE.read_text()) == here
    assert [name.split("_")[2] for name in here] == [str(number) for number in range(1, 13)]


async def test_3_1_a_key_is_used_with_its_own_algorithm_only() -> None:
    verifier = _verifier()
    assert await verifier.viewer(signed())
    modulus = public("RS256")["n"]
    for bearer in (
        # The algorithm confusion attack: the public key as a shared secret.
        signed("HS256", kid="RS256", key=modulus),
        signed("HS256", kid="RS256", key=base64.urlsafe_b64decode(modulus + "==")),
        signed("RS256", kid="ES256"),
        signed("ES256", kid="RS256"),
        # The shared secret, under the name of another algorithm.
        signed("HS256", key=SECRET, headers={"alg": "HS384"}),
    ):
        await _refused(verifier, bearer)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512", "RS512", "PS256", "unheard of"])
async def test_3_2_other_algorithms_are_refused(algorithm: str) -> None:
    key: Any = RSA if algorithm in ("RS512", "PS256") else None if algorithm == "none" else SECRET
    header, *rest = jwt.encode(
        {"exp": 4_102_444_800}, key, "HS256" if algorithm == "unheard of" else algorithm,
        headers={"kid": "RS256"},
    ).split(".")  # fmt: skip
    named = {"typ": "JWT", "kid": "RS256"} | jwt.get_unverified_header(".".join([header, *rest]))
    made = ".".join([_base64(json.dumps(named | {"alg": algorithm}).encode()), *rest])
    await _refused(_verifier(), made)


async def test_3_3_each_part_of_a_token_is_signed() -> None:
    verifier = _verifier()
    for made in (token(), signed()):
        assert await verifier.viewer(made)
        parts = made.split(".")
        for number, part in enumerate(parts):
            changed = [*parts]
            changed[number] = ("A" if part[0] != "A" else "B") + part[1:]
            await _refused(verifier, ".".join(changed))
        await _refused(verifier, f"{parts[0]}.{parts[1]}.")
        await _refused(verifier, f"{parts[0]}.{parts[1]}")
        # A signed token within a token that is signed by nobody.
        nested = {"typ": "JWT", "alg": "none", "cty": "JWT"}
        await _refused(
            verifier, f"{_base64(json.dumps(nested).encode())}.{_base64(made.encode())}."
        )


def test_3_4_a_malformed_public_key_is_not_used() -> None:
    point = public("ES256")
    beside = _base64(bytes(32))
    edwards = public("EdDSA")
    for key in (point | {"y": beside}, point | {"x": ""}, edwards | {"x": "AAAA"}):
        with pytest.raises(ValueError, match="no key"):
            usable_keys(json.dumps(published(key)).encode())


def test_3_5_short_keys_and_secrets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    with pytest.raises(ValueError, match="no key"):
        usable_keys(json.dumps(published(public("RS256", key=short))).encode())
    for name, value in (("SECRET", "x" * 31), ("SECRETS", f"{'x' * 32},{'y' * 31}")):
        with monkeypatch.context() as patch:
            patch.setenv(f"HEADCOUNT_JWT_{name}", value)
            with pytest.raises(StartupError, match="32 bytes"):
                load_settings()


async def test_3_6_encrypted_and_compressed_tokens_are_refused() -> None:
    encrypted = {"alg": "dir", "enc": "A128GCM", "zip": "DEF"}
    parts = [json.dumps(encrypted).encode(), b"", b"0" * 12, b"compressed", b"0" * 16]
    await _refused(_verifier(), ".".join(map(_base64, parts)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "latin-1"])
async def test_3_7_a_token_in_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    header, claims = '{"alg":"HS256","typ":"JWT"}', '{"exp":4102444800,"sub":"Zo\u00eb"}'
    algorithm = jwt.get_algorithm_by_name("HS256")
    for encodings in (("utf-8", "utf-8"), ("utf-8", encoding), (encoding, encoding)):
        parts = zip((header, claims), encodings, strict=True)
        text = ".".join(_base64(part.encode(by)) for part, by in parts)
        signature = algorithm.sign(text.encode(), algorithm.prepare_key(SECRET))
        made = f"{text}.{_base64(signature)}"
        if encodings == ("utf-8", "utf-8"):
            assert (await _verifier().viewer(made)).subject == "Zo\u00eb"
        else:
            await _refused(_verifier(), made)


async def test_3_8_issuer_and_subject_are_checked() -> None:
    verifier = _verifier(issuer="us")
    assert await verifier.viewer(signed(iss="us"))
    for claims in ({"iss": "them"}, {"iss": "us2"}, {"iss": None}):
        assert "'iss'" in await _refused(verifier, signed(**claims))
    await _refused(verifier, signed(iss="us", key=OTHER))
    denylist = Denylist()
    denylist.replace([Revocation(None, "left")])
    await _refused(_verifier(denylist=denylist), signed(sub="left"))


async def test_3_9_the_audience_is_checked() -> None:
    verifier = _verifier(audience="kpis")
    assert await verifier.viewer(signed(aud=["other", "kpis"]))
    for audience in ("other", ["other"], "kpis2", None, 7):
        assert "'aud'" in await _refused(verifier, signed(aud=audience))


async def test_3_10_no_header_leads_to_a_key(server: KeyServer) -> None:
    server.publish(public("RS256", "a", OTHER))
    verifier = _verifier()
    for headers in (
        {"jku": server.url},
        {"x5u": server.url},
        {"jwk": public("RS256", "a", OTHER)},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR ''='"},
        {"kid": server.url},
    ):
        await _refused(verifier, signed(kid="a", key=OTHER, headers=headers))
    assert server.requests == 0
    # Unknown extensions that the token calls critical are refused, as RFC 7515 demands.
    for critical in (["b65"], [], "exp", ["exp"]):
        await _refused(verifier, signed(headers={"crit": critical, "exp": 1}))


async def test_3_11_a_token_of_another_type_is_refused() -> None:
    verifier = _verifier()
    assert await verifier.viewer(signed(headers={"typ": "at+JWT"}))
    for name in ("secevent+jwt", "logout+jwt", "dpop+jwt", "headcount-link+jwt"):
        assert "'typ'" in await _refused(verifier, signed(headers={"typ": name}))


async def test_3_12_links_and_bearer_tokens_do_not_replace_each_other() -> None:
    signer, now = LinkSigner(SECRET), datetime.now(UTC)
    link, _ = signer.sign(Viewer(Role.ADMIN), "/file", now)
    claims = jwt.decode(link, options={"verify_signature": False})
    await _refused(_verifier(), link)
    # Even without its type.
    key = signer._keys[0]
    await _refused(_verifier(), jwt.encode(claims, key, "HS256"))
    bearer = jwt.encode(
        claims | {"exp": now + timedelta(minutes=5)}, SECRET, "HS256",
        headers={"typ": "headcount-link+jwt"},
    )  # fmt: skip
    with pytest.raises(Unauthenticated, match="not valid"):
        signer.verify(bearer, "/file")
