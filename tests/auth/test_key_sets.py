"""Tokens that are signed with keys of a key set."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from auth.tokens import KeySet, Verifier
from auth.viewer import Role
from errors import ServiceUnavailable, Unauthenticated
from tests.conftest import SECRET

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PRIVATE: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


def _public() -> dict[str, Any]:
    keys = {
        "RS256": RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True),
        "ES256": ECAlgorithm.to_jwk(EC.public_key(), as_dict=True),
        "EdDSA": OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True),
    }
    return {"keys": [{**key, "kid": name, "alg": name} for name, key in keys.items()]}


def _token(algorithm: str, kid: str | None = None, key: Any = None) -> str:
    claims = {"role": "admin", "exp": int(datetime.now(UTC).timestamp()) + 60}
    signer = PRIVATE[algorithm] if key is None else key
    return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": kid or algorithm})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(_public()))
    return file


@pytest.fixture
def key_url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(_public()).encode())

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_token_signed_with_a_key_of_a_file_is_valid(key_file: Path, algorithm: str) -> None:
    verifier = Verifier(key_set=KeySet(str(key_file)))
    assert verifier.viewer(_token(algorithm)).role is Role.ADMIN


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_token_signed_with_a_key_of_a_url_is_valid(key_url: str, algorithm: str) -> None:
    verifier = Verifier(key_set=KeySet(key_url))
    assert verifier.viewer(_token(algorithm)).role is Role.ADMIN


def test_a_token_signed_with_another_key_is_rejected(key_file: Path) -> None:
    verifier = Verifier(key_set=KeySet(str(key_file)))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for bearer in (
        _token("RS256", key=other),
        _token("RS256", kid="unknown"),
        _token("RS256", kid="ES256"),
        _token("HS256", key=SECRET),
    ):
        with pytest.raises(Unauthenticated):
            verifier.viewer(bearer)


def test_a_public_key_is_never_used_as_a_shared_secret(key_file: Path) -> None:
    # The algorithm confusion attack: HS256 with the public key as the secret.
    verifier = Verifier(key_set=KeySet(str(key_file)))
    for key in _public()["keys"]:
        with pytest.raises(Unauthenticated):
            verifier.viewer(_token("HS256", kid=key["kid"], key=key.get("n") or key["x"]))


def test_secret_and_key_set_may_both_be_configured(key_file: Path) -> None:
    verifier = Verifier(secret=SECRET, key_set=KeySet(str(key_file)))
    assert verifier.viewer(_token("RS256")).role is Role.ADMIN
    assert verifier.viewer(_token("HS256", key=SECRET)).role is Role.ADMIN


def test_an_unreachable_key_set_is_service_unavailable() -> None:
    verifier = Verifier(key_set=KeySet("http://127.0.0.1:1/keys"))
    with pytest.raises(ServiceUnavailable):
        verifier.viewer(_token("RS256"))
