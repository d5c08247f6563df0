"""An issuer of tokens: its keys, its tokens, and the server of its key set."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC: Final = ec.generate_private_key(ec.SECP256R1())
ED: Final = ed25519.Ed25519PrivateKey.generate()
PRIVATE: Final[Mapping[str, Any]] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}
_TO_JWK: Final[Mapping[str, Any]] = {
    "RS256": RSAAlgorithm.to_jwk,
    "ES256": ECAlgorithm.to_jwk,
    "EdDSA": OKPAlgorithm.to_jwk,
}


def public(algorithm: str, kid: str | None = None, key: Any = None) -> dict[str, Any]:
    """A public key as JWK; its `kid` is by default the algorithm."""
    private = PRIVATE[algorithm] if key is None else key
    jwk = _TO_JWK[algorithm](private.public_key(), as_dict=True)
    return {**jwk, "kid": kid or algorithm, "alg": algorithm}


def published(*keys: Mapping[str, Any]) -> dict[str, Any]:
    """A key set, by default with a key for each algorithm."""
    return {"keys": [*keys] if keys else [public(algorithm) for algorithm in PRIVATE]}


def signed(
    algorithm: str = "RS256",
    kid: str | None = None,
    key: Any = None,
    headers: Mapping[str, Any] | None = None,
    **claims: Any,
) -> str:
    """An admin's token, by default valid for an hour. A claim of None is omitted."""
    now = int(datetime.now(UTC).timestamp())
    given = {"role": "admin", "iat": now, "exp": now + 3600} | claims
    return jwt.encode(
        {name: value for name, value in given.items() if value is not None},
        PRIVATE[algorithm] if key is None else key,
        algorithm=algorithm,
        headers={"kid": kid or algorithm, **(headers or {})},
    )


async def until(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.01)


class KeyServer:
    """Serves a key set on 127.0.0.1; `answers` is cleared to make it silent."""

    def __init__(self) -> None:
        self.content: bytes = json.dumps(published()).encode()
        self.status = 200
        self.answers = Event()
        self.answers.set()
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.answers.wait()
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                """Logs nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Ignores clients that left."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    async def asked(self, times: int) -> None:
        """Waits until so many requests have arrived."""
        await until(lambda: self.requests >= times)

    def publish(self, *keys: Mapping[str, Any]) -> None:
        """Replaces the key set."""
        self.content = json.dumps(published(*keys)).encode()

    @contextmanager
    def running(self) -> Iterator["KeyServer"]:
        """Serves inside the block."""
        thread = Thread(target=self._server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield self
        finally:
            self.answers.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
