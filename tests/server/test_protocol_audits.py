"""GraphQL over HTTP, as the reference implementation's audits check it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.commands import run, running
from tests.conftest import SECRET

_MODULES: Final = Path(__file__).parents[2] / "console" / "node_modules"
_NUMBER: Final = 61
"""The audits of the pinned version of graphql-http."""

_AUDIT: Final = """
const { serverAudits } = require("graphql-http");
const [url, token] = process.argv.slice(1);
const fetchFn = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...init, headers });
};
(async () => {
  const results = [];
  for (const audit of serverAudits({ url: `${url}/graphql`, fetchFn })) {
    const { status, reason } = await audit.fn();
    results.push({ id: audit.id, name: audit.name, status, reason });
  }
  console.log(JSON.stringify(results));
})();
"""


@pytest.mark.skipif(
    shutil.which("node") is None or not (_MODULES / "graphql-http").exists(),
    reason="the audits need Node.js and console/node_modules: make setup",
)
def test_each_audit_of_graphql_http_passes(tmp_path: Path, mongodb_uri: str) -> None:
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_test_{uuid4().hex[:12]}",
    }
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    with running(tmp_path, "serve", **settings) as (_, url):
        result = subprocess.run(
            ["node", "-e", _AUDIT, url, bearer],
            env={**os.environ, "NODE_PATH": str(_MODULES)},
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stderr
    audits = json.loads(result.stdout)
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == _NUMBER
