"""Servers of persisted operations, and clients that ask them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.node import node
from tests.commands import run, running
from tests.conftest import SECRET

Ask = Callable[[str, Sequence[dict[str, str]]], Any]
Serve = Callable[..., AbstractContextManager[Ask]]


@pytest.fixture
def serve(tmp_path: Path, mongodb_uri: str) -> Serve:
    """A function that serves, and yields one by which a client asks for operations."""

    @contextmanager
    def serve(**more: str) -> Iterator[Ask]:
        settings = {
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_MONGODB_URI": mongodb_uri,
            "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
            "HEADCOUNT_ROLLUPS": "off",
            **more,
        }
        bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
        with running(tmp_path, "serve", **settings) as (_, url):

            def ask(client: str, operations: Sequence[dict[str, str]]) -> Any:
                script = Path(__file__).parent / "clients.cjs"
                arguments = (f"{url}/graphql", bearer, client, json.dumps(operations))
                return json.loads(node(script, *arguments, folder=tmp_path))

            yield ask

    return serve
