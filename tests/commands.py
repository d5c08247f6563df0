"""Runs the `headcount` command and `mongod` as processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, Self

import httpx
from pymongo import MongoClient

from server.embedded.program import find_mongod
from tests.forks import Command

PATIENCE: Final = 120.0
"""The longest wait for a process or a server, in seconds: a busy machine is no failure."""

HEADCOUNT = Path(sys.executable).parent / "headcount"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HEADCOUNT_")}
    # Without the drain, a server that is told to stop stops at once.
    return {**inherited, "HEADCOUNT_DRAIN_SECONDS": "0", **settings}


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; returns its exit code and output."""
    with Command(arguments, folder, environment(settings)) as command:
        stdout, stderr = command.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(arguments, command.wait(), stdout, stderr)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, *arguments: str, log: str = "", **settings: str
) -> Iterator[tuple[Command, str]]:
    """A server that is ready, and its URL. Its log goes to the file `log`, if one is named."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"HEADCOUNT_PORT": str(port), **settings}
    with (
        open(log, "w") if log else nullcontext() as file,
        Command(arguments, folder, environment(settings), file) as process,
        httpx.Client() as client,
    ):
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the server is not ready"
            with suppress(httpx.TransportError):
                if client.get(f"{url}/readyz").status_code == 200:
                    break
            time.sleep(0.05)
        yield process, url


class Mongod:
    """A `mongod` with any options, which can be killed and started again."""

    def __init__(self, folder: Path, *options: str | Path) -> None:
        port = free_port()
        data = folder / "data"
        data.mkdir()
        self.address = f"127.0.0.1:{port}"
        self.uri = f"mongodb://{self.address}/?directConnection=true"
        self._command = [
            find_mongod(), "--dbpath", data, "--port", str(port), "--bind_ip", "127.0.0.1",
            "--nounixsocket", *options,
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # On SIGTERM, a replica set member would first wait for another to become primary.
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def initiate(self, *others: Self) -> None:
        """Makes this the primary of a new replica set, and waits until it accepts writes.

        The last of `others` is an arbiter.
        """
        members: list[dict[str, Any]] = [
            {"_id": number, "host": each.address} for number, each in enumerate((self, *others))
        ]
        members[0]["priority"] = 2
        if others:
            members[-1]["arbiterOnly"] = True
        for each in others:
            with MongoClient[dict[str, Any]](each.uri) as client:
                client.admin.command("ping")
        with MongoClient[dict[str, Any]](self.uri) as client:
            # With the default settings the first election takes ten seconds.
            quick = {"electionTimeoutMillis": 500, "heartbeatIntervalMillis": 100}
            config = {"_id": "r", "version": 1, "members": members, "settings": quick}
            client.admin.command("replSetInitiate", config)
            while not client.admin.command("hello")["isWritablePrimary"]:
                time.sleep(0.05)
            # The default timeouts again: a busy machine must not cause another election.
            client.admin.command("replSetReconfig", config | {"version": 2, "settings": {}})


@contextmanager
def guarded_mongod(folder: Path, role: str) -> Iterator[tuple[str, MongoClient[dict[str, Any]]]]:
    """A replica set with access control, and one event in the database `headcount`.

    Yields the URI of a user with the one given role in that database, and a client of root.
    """
    key = folder / "key"
    key.write_text("headcount" * 10)
    key.chmod(0o600)
    with Mongod(folder, "--auth", "--keyFile", key, "--replSet", "r") as mongod:
        mongod.initiate()
        uri = mongod.uri
        with MongoClient[dict[str, Any]](uri) as client:
            client.admin.command("createUser", "root", pwd="root", roles=["root"])
        with MongoClient[dict[str, Any]](uri, username="root", password="root") as client:
            roles = [{"role": role, "db": "headcount"}]
            client.admin.command("createUser", "limited", pwd="only", roles=roles)
            client["headcount"]["events"].insert_one({"title": "A"})
            yield uri.replace("//", "//limited:only@"), client


def ask(url: str, bearer: str, query: str) -> Any:
    response = httpx.post(
        f"{url}/graphql", json={"query": query}, headers={"authorization": f"Bearer {bearer}"}
    )
    assert response.status_code == 200
    return response.json()
