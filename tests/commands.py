"""Running `headcount` as a person or a script does."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

HEADCOUNT = Path(sys.executable).parent / "headcount"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HEADCOUNT_")}
    return {**inherited, **settings}


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADCOUNT, *arguments],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, *arguments: str, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and its address once it answers."""
    port = free_port()
    process = subprocess.Popen(
        [HEADCOUNT, *arguments],
        cwd=folder,
        env=environment({"HEADCOUNT_PORT": str(port), **settings}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, process.communicate()
            try:
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def ask(url: str, bearer: str, query: str) -> Any:
    response = httpx.post(
        f"{url}/graphql", json={"query": query}, headers={"authorization": f"Bearer {bearer}"}
    )
    assert response.status_code == 200
    return response.json()
