"""Runs a soak: a replica set, a server, its clients and faults; then looks for what is left."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any, Final

import httpx
from pymongo import MongoClient

from cancelling import cancel
from tests import mongodb_faults as faults
from tests.commands import PATIENCE, running
from tests.commands import run as command
from tests.conftest import SECRET, token
from tests.forks import COUNT_TASKS, Command
from tests.mongodb_faults import Fault
from tests.replica_set import ReplicaSet, client_of
from tests.soak.clients import Clients, Found
from tests.soak.elections import Elections

FAIR_MS: Final = 1_000
HEALTH_MS: Final = 250
GROWTH_MB: Final = 16

_FAULTS: Final[Sequence[Fault]] = (
    faults.killed,
    faults.stepped_down,
    faults.frozen,
    faults.slow,
    faults.cut,
    faults.all_killed,
)
_DATABASE: Final = "soak"
_SETTLED_SECONDS: Final = 3.0
"""How long after a fault clients may notice it."""


@dataclass
class Left:
    """What a server holds: its clients' connections, its tasks, and MongoDB's cursors."""

    connections: int
    tasks: int
    cursors: int
    operations: int

    def exceeds(self, before: "Left") -> bool:
        """Whether there is more than before."""
        return any(getattr(self, name) > getattr(before, name) for name in vars(self))


@dataclass
class Outcome:
    """What a soak found."""

    found: Found
    before: Left
    after: Left
    memory_mb: list[float] = field(default_factory=list)
    log: str = ""

    @property
    def growth_mb(self) -> float:
        """The growth of the resident memory from the second quarter to the last."""
        quarter = len(self.memory_mb) // 4
        return mean(self.memory_mb[-quarter:]) - mean(self.memory_mb[quarter : 2 * quarter])

    @property
    def errors(self) -> list[str]:
        """What the server's log says of errors that nobody foresaw."""
        words = ("fields failed", "request failed", "Traceback", "was never retrieved")
        return [
            line[:2_000]
            for line in self.log.splitlines()
            if any(word in line for word in words)
            # The driver can't close cursors while MongoDB is away.
            and '"logger": "pymongo.client"' not in line
        ]


class _Soak:
    def __init__(self, members: ReplicaSet, server: Command, url: str, tasks: Path) -> None:
        self.members = members
        self._server = server
        self._url = url
        self._tasks = tasks
        self._disturbed = threading.Event()
        self._calm_at = 0.0
        self._faults = list[tuple[datetime, datetime]]()

    def calm(self) -> bool:
        """Whether no fault disturbs the server now."""
        return not self._disturbed.is_set() and time.monotonic() > self._calm_at

    @contextmanager
    def watching_elections(self) -> Iterator[None]:
        """Where processors are busy, members elect another primary without a fault, too."""
        elections = Elections(self._unsettle)
        with MongoClient[dict[str, Any]](self.members.uri, event_listeners=[elections]):
            yield
            elections.watching = False

    def _unsettle(self) -> None:
        now, settled = datetime.now(UTC), timedelta(seconds=_SETTLED_SECONDS)
        self._calm_at = time.monotonic() + _SETTLED_SECONDS
        self._faults.append((now - settled, now + settled))

    @contextmanager
    def _fault(self, fault: Fault) -> Iterator[None]:
        self._disturbed.set()
        begin = datetime.now(UTC)
        try:
            with fault(self.members):
                yield
            self._until_ready()
        finally:
            self._calm_at = time.monotonic() + _SETTLED_SECONDS
            self._faults.append((begin, datetime.now(UTC) + timedelta(seconds=_SETTLED_SECONDS)))
            self._disturbed.clear()

    def disturb(self, chance: Random, seconds: float) -> None:
        """Has faults follow each other, with calm times in between."""
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            fault = _FAULTS[number % len(_FAULTS)]
            with self._fault(fault):
                time.sleep(chance.uniform(1, 3))
            number += 1
            time.sleep(max(0, min(chance.uniform(6, 12), end - time.monotonic())))

    def _until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while httpx.get(f"{self._url}/readyz", timeout=PATIENCE).status_code != 200:
            assert time.monotonic() < deadline, "the server is not ready again"
            time.sleep(0.1)

    def left(self) -> Left:
        """What the server holds now."""
        port = int(self._url.rpartition(":")[2])
        with client_of(self.members.primary) as client:
            found = client.admin.aggregate([{"$currentOp": {"idleCursors": True}}])
            cursors = [each for each in found if "cursor" in each and _of_database(each["ns"])]
        last = [each["cursor"]["lastAccessDate"].replace(tzinfo=UTC) for each in cursors]
        return Left(
            _connections(port),
            int(self._tasks.read_text() or 0),
            sum(not self._was_disturbed(at) for at in last),
            self._figure("headcount_operations_running"),
        )

    def _was_disturbed(self, at: datetime) -> bool:
        """Whether a fault disturbed the server then.

        Cursors that the driver can't close while MongoDB is away are ended by MongoDB, after ten
        minutes.
        """
        return any(begin <= at <= end for begin, end in self._faults)

    def left_after(self, before: Left) -> Left:
        """What is left when all clients have gone: waits for what ends by itself."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.left()).exceeds(before) and time.monotonic() < deadline:
            time.sleep(1)
        return left

    def memory_mb(self) -> float:
        """The server's resident memory."""
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        (kilobytes,) = [line.split()[1] for line in status.splitlines() if "VmRSS" in line]
        return int(kilobytes) / 1000

    def _figure(self, name: str) -> int:
        lines = httpx.get(f"{self._url}/metrics", timeout=PATIENCE).text.splitlines()
        return sum(round(float(line.split()[1])) for line in lines if line.startswith(f"{name} "))


def _of_database(namespace: str) -> bool:
    return namespace.startswith(f"{_DATABASE}.")


def _connections(port: int) -> int:
    """The established connections to a local port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return sum(each[1].endswith(f":{port:04X}") and each[3] == "01" for each in fields)


def soak(folder: Path, seconds: float, seed: int) -> Outcome:
    """Runs a soak for some seconds."""
    chance = Random(seed)
    log, tasks = folder / "server.log", folder / "tasks"
    tasks.write_text("")
    with ReplicaSet(folder, election_seconds=1) as members:
        settings = {
            "HEADCOUNT_MONGODB_URI": f"{members.uri}&serverSelectionTimeoutMS=2000",
            "HEADCOUNT_DATABASE": _DATABASE,
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_REQUEST_TIMEOUT": "10",
            "HEADCOUNT_LOG_FORMAT": "json",
            COUNT_TASKS: str(tasks),
        }
        command(folder, "seed", "--scale", "0.05", **settings)
        with running(folder, "serve", log=str(log), **settings) as (server, url):
            run = _Soak(members, server, url, tasks)
            _await_cells(url)
            before = run.left()
            outcome = Outcome(Found(), before, before)
            with run.watching_elections():
                asyncio.run(_loaded(run, outcome, url, chance, seconds))
            _await_cells(url)
            outcome.after = run.left_after(before)
            outcome.log = log.read_text()
            return outcome


def _await_cells(url: str) -> None:
    """Waits until rollups are read: the tasks and cursors of their keepers are there then."""
    headers = {"authorization": f"Bearer {token(role='admin')}"}
    deadline = time.monotonic() + PATIENCE
    with closing(httpx.Client(base_url=url, headers=headers, timeout=PATIENCE)) as http:
        while True:
            body = http.post("/graphql", json={"query": "{ freshness { cube source } }"}).json()
            if [each["source"] for each in body["data"]["freshness"]].count("ROLLUP") >= 5:
                break
            assert time.monotonic() < deadline, body
            time.sleep(0.2)
    time.sleep(2)


async def _loaded(run: _Soak, outcome: Outcome, url: str, chance: Random, seconds: float) -> None:
    clients = Clients(url, outcome.found, chance, run.calm)
    tasks = [asyncio.create_task(each) for each in clients.all()]

    async def sample() -> None:
        while True:
            outcome.memory_mb.append(run.memory_mb())
            await asyncio.sleep(seconds / 200)

    sampling = asyncio.create_task(sample())
    try:
        await asyncio.to_thread(run.disturb, Random(chance.random()), seconds)
        ended = [task for task in tasks if task.done()]
        for task in ended:
            task.result()
    finally:
        await cancel(sampling, *tasks)
