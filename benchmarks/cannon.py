"""The load on a server: so many connections that ask again as soon as they are answered."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.replay import Disagreement
from benchmarks.servers import Server
from errors import StartupError

PEERS: Final = Path(__file__).with_name("peers")


@dataclass(frozen=True)
class Question:
    """What is asked, of a GraphQL server or of one that has an address for it."""

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
    """A run of the load: answers a second, milliseconds of half and of 99 % of the answers.

    `cpu` is the milliseconds of processor time that the server took for an answer.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    answers: int


def installed() -> None:
    """Sees that what the peers are made of is there, as locked; raises `StartupError`."""
    if not (npm := shutil.which("npm")) or not shutil.which("node"):
        raise StartupError("The peers need Node.js 20 or later: `node` and `npm` on the PATH.")
    lock, done = PEERS / "package-lock.json", PEERS / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    made = subprocess.run([npm, "ci"], cwd=PEERS, capture_output=True, text=True, check=False)
    if made.returncode:
        raise StartupError(f"`npm ci` in {PEERS.name} failed: {made.stderr.strip()}")


def fire(
    server: Server,
    question: Question,
    *,
    connections: int,
    amount: int = 0,
    seconds: float = 0,
) -> Run:
    """Asks so often, or so long; raises `Disagreement` unless all is answered well.

    By `seconds` what is under way in the end is dropped, so that an answer's processor time is
    exact by `amount` only. There may be no answer in so many seconds.
    """
    asked = {
        "url": server.url + question.path, "method": question.method, "token": server.token,
        "body": question.body, "connections": connections, "amount": amount, "seconds": seconds,
    }  # fmt: skip
    before = server.cpu_seconds()
    shot = subprocess.run(
        [shutil.which("node") or "node", PEERS / "cannon.mjs"],
        input=json.dumps(asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = server.cpu_seconds() - before
    if shot.returncode:
        raise StartupError(f"The load did not run: {shot.stderr.strip()}")
    found: dict[str, Any] = json.loads(shot.stdout)
    answers: int = found["requests"]
    if found["failed"]:
        raise Disagreement(f"{server.name} failed {found['failed']} of {answers} times under load.")
    rate = answers / found["seconds"] if answers else 0
    return Run(rate, found["p50"], found["p99"], 1000 * took / max(answers, 1), answers)
