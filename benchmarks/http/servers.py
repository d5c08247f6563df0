"""Runs servers in processes on free ports, and measures their CPU time and memory."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from auth.viewer import Role
from errors import StartupError
from server.settings import PREFIX, Settings
from server.tokens import token

HEADCOUNT: Final = (str(Path(sys.executable).with_name("headcount")), "serve")
ROLLUPS_RUN: Final = (HEADCOUNT[0], "rollups", "run")
_START_SECONDS: Final = 30


@dataclass(frozen=True)
class Server:
    """A running server, and an admin's token for it."""

    name: str
    url: str
    token: str
    pid: int

    def cpu_seconds(self) -> float:
        """The CPU time of the process, with all threads."""
        # The fields follow the process name, which is in parentheses and may contain spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """The resident memory of the process."""
        return self._status_mb("VmRSS:")

    def peak_mb(self) -> float:
        """The peak of the resident memory of the process."""
        return self._status_mb("VmHWM:")

    def _status_mb(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = next(line for line in status.splitlines() if line.startswith(name))
        return int(found.split()[1]) / 1024

    def client(self, seconds: float = 60) -> httpx.Client:
        """A client that sends the token."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=seconds, trust_env=False)


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    uri: str,
    settings: Settings,
    more: Mapping[str, str] | None = None,
    *,
    answers: bool = True,
) -> Iterator[Server]:
    """Runs a server by its command and environment; yields when it responds.

    `more` adds environment variables; by default rollups are off. `answers` is False for a process
    that serves no HTTP.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)} | {
        f"{PREFIX}MONGODB_URI": uri,
        f"{PREFIX}DATABASE": settings.database,
        f"{PREFIX}PORT": str(port),
        f"{PREFIX}JWT_SECRET": settings.secret(),
        f"{PREFIX}ROLLUPS": "off",
        f"{PREFIX}DRAIN_SECONDS": "0",
        "NODE_ENV": "production",
        **(more or {}),
    }
    bearer = token(settings, {"role": Role.ADMIN.value}, timedelta(days=1))
    # In a temporary folder, without a .env file.
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("w+b") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        server = Server(name, f"http://127.0.0.1:{port}", bearer, process.pid)
        try:
            if answers and not _answers(server, process):
                output = Path(log.name).read_text(errors="replace").strip()
                raise StartupError(f"{name} does not respond: {output or 'its log is empty'}")
            yield server
        finally:
            process.terminate()
            process.wait()


def _answers(server: Server, process: subprocess.Popen[bytes]) -> bool:
    limit = time.monotonic() + _START_SECONDS
    with server.client() as client:
        while process.poll() is None and time.monotonic() < limit:
            try:
                client.get("/readyz")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return True
    return False
