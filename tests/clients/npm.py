"""Runs ES modules with the npm packages of console/, against a server of their own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.commands import PATIENCE, run, running
from tests.conftest import SECRET, Dataset

_CONSOLE: Final = Path(__file__).parents[2] / "console"


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where Node.js or one of the packages is not installed."""
    installed = all((_CONSOLE / "node_modules" / name).exists() for name in packages)
    reason = "this needs Node.js and console/node_modules: make setup"
    return pytest.mark.skipif(shutil.which("node") is None or not installed, reason=reason)


@dataclass(frozen=True)
class Server:
    """A server, and a token of an admin."""

    url: str
    token: str

    def node(self, module: str, **variables: object) -> Any:
        """The JSON that an ES module prints.

        Its environment has URL, the address of the GraphQL endpoint, TOKEN and the variables, which
        are written as JSON.
        """
        given = {name: json.dumps(value) for name, value in variables.items()}
        result = subprocess.run(
            ["node", "--input-type=module"],
            cwd=_CONSOLE,
            env={**os.environ, "URL": f"{self.url}/graphql", "TOKEN": self.token, **given},
            input=module,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@contextmanager
def serving(folder: Path, mongodb_uri: str, data: Dataset) -> Iterator[Server]:
    """A server of these documents, in a database that is dropped at the end."""
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
    }
    token = run(folder, "token", "--role", "admin", **settings).stdout.strip()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        database = client[settings["HEADCOUNT_DATABASE"]]
        for name, documents in data.items():
            database[name].insert_many([dict(each) for each in documents])
        with running(folder, "serve", **settings) as (_, url):
            yield Server(url, token)
        client.drop_database(database)
