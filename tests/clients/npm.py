"""Runs the npm packages of console/, and servers for the clients among them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.commands import PATIENCE, run, running
from tests.conftest import SECRET, Dataset

CONSOLE: Final = Path(__file__).parents[2] / "console"
MODULES: Final = CONSOLE / "node_modules"


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where Node.js or one of the packages is not installed."""
    installed = all((MODULES / name).exists() for name in packages)
    reason = "this needs Node.js and console/node_modules: make setup"
    return pytest.mark.skipif(shutil.which("node") is None or not installed, reason=reason)


def node(*arguments: str | Path, folder: Path, module: str = "", **variables: str) -> str:
    """The output of a command of Node.js, whose standard input is the module."""
    result = subprocess.run(
        ["node", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **variables},
        input=module,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@dataclass(frozen=True)
class Server:
    """A server, and a token of an admin."""

    url: str
    token: str

    def node(self, module: str, folder: Path = CONSOLE, **variables: object) -> Any:
        """The JSON that an ES module prints. It finds packages from the folder.

        Its environment has URL, the address of the GraphQL endpoint, TOKEN and the variables, which
        are written as JSON.
        """
        given = {name: json.dumps(value) for name, value in variables.items()}
        given |= {"URL": f"{self.url}/graphql", "TOKEN": self.token}
        return json.loads(node("--input-type=module", folder=folder, module=module, **given))

    def ask(self, client: str, *operations: dict[str, str]) -> Any:
        """What one of the clients of `clients.js` shows for the operations, and what it sent."""
        module = (Path(__file__).parent / "clients.js").read_text()
        return self.node(module, CLIENT=client, OPERATIONS=operations)


@contextmanager
def serving(
    folder: Path,
    mongodb_uri: str,
    data: Dataset | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server of these documents, in a database that is dropped at the end."""
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
        **(settings or {}),
    }
    token = run(folder, "token", "--role", "admin", **settings).stdout.strip()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client[settings["HEADCOUNT_DATABASE"]]
        for name, documents in (data or {}).items():
            database[name].insert_many([dict(each) for each in documents])
        with running(folder, "serve", **settings) as (_, url):
            yield Server(url, token)
        client.drop_database(database)
