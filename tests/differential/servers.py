"""Servers: `headcount serve` processes that are killed, frozen and asked."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from bson import Timestamp

from tests.commands import PATIENCE, environment, free_port, run
from tests.conftest import SECRET, token
from tests.differential.journal import Journal
from tests.forks import Command

_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Answer:
    """A server's answer, and the times of this machine around it."""

    server: str
    data: Mapping[str, Any] | None
    errors: tuple[str, ...]
    freshness: Mapping[str, Mapping[str, Any]]
    """Cube → `{source, asOf, lagMs}`."""
    asked_at: datetime
    answered_at: datetime

    @property
    def live(self) -> frozenset[str]:
        """The cubes that were counted live."""
        return frozenset(cube for cube, of in self.freshness.items() if of["source"] == "LIVE")


class Unavailable(Exception):
    """A server does not answer, or answers that it can't for now."""


class Server:
    """One `headcount serve` at a fixed address; each start is a new process."""

    def __init__(
        self, name: str, folder: Path, uri: str, database: str, journal: Journal, **more: str
    ) -> None:
        self.name = name
        self._folder = folder
        self._journal = journal
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self._environment = {
            "HEADCOUNT_MONGODB_URI": uri,
            "HEADCOUNT_DATABASE": database,
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_ROLLUPS": "auto",
            "HEADCOUNT_PORT": str(self._port),
            "HEADCOUNT_LOG_FORMAT": "json",
            **more,
        }
        self._client = httpx.Client(timeout=_SECONDS)
        self._process: Command | None = None

    @property
    def log(self) -> Path:
        """The file with the log of all its processes."""
        return self._folder / f"{self.name}.log"

    def start(self) -> None:
        """Starts a process, and waits until it is ready."""
        with self.log.open("a") as log:
            process = Command(["serve"], self._folder, environment(self._environment), log)
        self._process = process
        self._journal.line(f"{self.name} is process {process.pid}")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Waits until the server can reach its database."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._process is not None
            assert self._process.poll() is None, f"{self.name} ended: see {self.log}"
            assert time.monotonic() < deadline, f"{self.name} is not ready: see {self.log}"
            with suppress(httpx.TransportError):
                if self._client.get(f"{self._url}/readyz").status_code == 200:
                    return
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills the process, as SIGKILL does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Stops the process until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends the process."""
        self.kill()
        self._client.close()

    def command(self, *arguments: str) -> tuple[int, str]:
        """(exit code, output) of a `headcount` command with the server's settings."""
        try:
            done = run(self._folder, *arguments, **self._environment)
        except subprocess.TimeoutExpired as error:
            return -1, str(error)
        return done.returncode, done.stdout + done.stderr

    def ask(
        self, query: str, variables: Mapping[str, Any] | None = None, after: Timestamp | None = None
    ) -> Answer:
        """The answer to an operation; raises `Unavailable`."""
        extensions = {"readAfter": f"{after.time}:{after.inc}"} if after else {}
        asked_at = datetime.now(UTC)
        try:
            response = self._client.post(
                f"{self._url}/graphql",
                json={"query": query, "variables": variables or {}, "extensions": extensions},
                headers={"authorization": f"Bearer {token(role='admin')}"},
            )
        except httpx.TransportError as error:
            raise Unavailable(type(error).__name__) from error
        answered_at = datetime.now(UTC)
        if response.status_code == 503:
            raise Unavailable("503")
        body = response.json()
        errors = tuple(str(each) for each in body.get("errors", ()))
        if any("SERVICE_UNAVAILABLE" in each for each in errors):
            raise Unavailable("SERVICE_UNAVAILABLE")
        found = body.get("extensions", {}).get("freshness", ())
        return Answer(
            server=self.name,
            data=body.get("data"),
            errors=errors,
            freshness={each["cube"]: each for each in found},
            asked_at=asked_at,
            answered_at=answered_at,
        )

    def export(self, parameters: Mapping[str, str]) -> Any:
        """The events dashboard's JSON file; raises `Unavailable`."""
        try:
            response = self._client.get(
                f"{self._url}/api/v1/admin/events-dashboard/events/export",
                params={"format": "json", **parameters},
                headers={"authorization": f"Bearer {token(role='admin')}"},
            )
        except httpx.TransportError as error:
            raise Unavailable(type(error).__name__) from error
        if response.status_code == 503:
            raise Unavailable("503")
        response.raise_for_status()
        return response.json()

    def ask_patiently(
        self, query: str, variables: Mapping[str, Any] | None = None, after: Timestamp | None = None
    ) -> Answer:
        """The answer, as soon as the server can give one."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.ask(query, variables, after)
            except Unavailable as error:
                self._journal.count(f"answers of {self.name} that came later: {error}")
                if time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN_SECONDS)
