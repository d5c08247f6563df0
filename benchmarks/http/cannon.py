"""Load on a server: each connection sends its next request when it receives a response."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.http.servers import Server
from benchmarks.replay import Disagreement
from errors import StartupError

PEERS: Final = Path(__file__).parents[1] / "peers"


@dataclass(frozen=True)
class Question:
    """A request: a GraphQL operation, or a GET of a path."""

    text: str | None = None
    path: str = "/graphql"

    @property
    def method(self) -> str:
        return "POST" if self.text else "GET"

    @property
    def body(self) -> str | None:
        return json.dumps({"query": self.text}) if self.text else None


@dataclass(frozen=True)
class Run:
    """The result of a run: responses per second, latency percentiles in milliseconds.

    `cpu` is the server's CPU time per response in milliseconds.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    answers: int


def install_peers() -> None:
    """Installs the locked dependencies of the peers if needed; raises `StartupError`."""
    if not (npm := shutil.which("npm")) or not shutil.which("node"):
        raise StartupError("The peers need Node.js 20 or later: `node` and `npm` on the PATH.")
    lock, done = PEERS / "package-lock.json", PEERS / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm_ci = subprocess.run([npm, "ci"], cwd=PEERS, capture_output=True, text=True, check=False)
    if npm_ci.returncode:
        raise StartupError(f"`npm ci` in {PEERS.name} failed: {npm_ci.stderr.strip()}")


def fire(
    server: Server,
    question: Question,
    *,
    connections: int,
    amount: int = 0,
    seconds: float = 0,
) -> Run:
    """Sends `amount` requests, or sends for `seconds`; raises `Disagreement` on a failed one.

    `seconds` drops the requests in flight at the end, so the CPU time per response is exact only
    with `amount`. The result may have no response.
    """
    load = {
        "url": server.url + question.path, "method": question.method, "token": server.token,
        "body": question.body, "connections": connections, "amount": amount, "seconds": seconds,
    }  # fmt: skip
    before = server.cpu_seconds()
    process = subprocess.run(
        [shutil.which("node") or "node", PEERS / "cannon.mjs"],
        input=json.dumps(load), capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = server.cpu_seconds() - before
    if process.returncode:
        raise StartupError(f"The load did not run: {process.stderr.strip()}")
    found: dict[str, Any] = json.loads(process.stdout)
    answers: int = found["requests"]
    if found["failed"]:
        raise Disagreement(f"{server.name} failed {found['failed']} of {answers} times under load.")
    rate = answers / found["seconds"] if answers else 0
    return Run(rate, found["p50"], found["p99"], 1000 * took / max(answers, 1), answers)
