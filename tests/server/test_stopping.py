"""The stop of a server: the drain, requests in flight, exit codes, the last timer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from tests.commands import PATIENCE, Mongod, ask, environment, free_port, run, running
from tests.conftest import SECRET
from tests.forks import Command

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])
_FOREVER = "3600"
_ROOT = Path(__file__).parents[2]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _ready(url: str) -> int:
    # Each request opens a connection, possibly to another worker.
    return httpx.get(f"{url}/readyz", timeout=PATIENCE).status_code


def _end(process: Command) -> tuple[int, str]:
    """The exit code and the log of a server that has been told to stop."""
    _, log = process.communicate(timeout=PATIENCE)
    return process.wait(), log


@pytest.fixture
def settings(tmp_path: Path, mongodb_uri: str) -> dict[str, str]:
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_stop_{os.urandom(6).hex()}",
        "HEADCOUNT_ROLLUPS": "off",
    }
    token = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    return settings | {"TOKEN": token}


@WORKERS
def test_a_draining_server_is_not_ready_and_answers(
    tmp_path: Path, settings: dict[str, str], workers: str
) -> None:
    settings |= {"HEADCOUNT_DRAIN_SECONDS": _FOREVER, "HEADCOUNT_WORKERS": workers}
    with running(tmp_path, "serve", **settings) as (process, url):
        process.send_signal(signal.SIGTERM)
        _until(lambda: {_ready(url) for _ in range(8)} == {503})
        # A second one changes nothing.
        process.send_signal(signal.SIGTERM)
        for _ in range(8):
            assert _ready(url) == 503
            assert httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200
            answer = ask(url, settings["TOKEN"], "{ orderStats { totalOrders } }")
            assert answer["data"] == {"orderStats": {"totalOrders": 0}}
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert _end(process)[0] == 0


@WORKERS
def test_a_server_stops_after_its_drain(
    tmp_path: Path, settings: dict[str, str], workers: str
) -> None:
    settings |= {"HEADCOUNT_DRAIN_SECONDS": "0.5", "HEADCOUNT_WORKERS": workers}
    with running(tmp_path, "serve", **settings) as (process, _):
        process.send_signal(signal.SIGTERM)
        code, log = _end(process)
    assert code == 0
    # One worker is ready; another may still be starting, and then has nothing to drain.
    assert 1 <= log.count("the server drains") <= int(workers)
    assert "Traceback" not in log


@WORKERS
def test_sigint_stops_a_server_without_a_drain(
    tmp_path: Path, settings: dict[str, str], workers: str
) -> None:
    settings |= {"HEADCOUNT_DRAIN_SECONDS": _FOREVER, "HEADCOUNT_WORKERS": workers}
    with running(tmp_path, "serve", **settings) as (process, _):
        process.send_signal(signal.SIGINT)
        code, log = _end(process)
    assert code == 0
    assert "the server drains" not in log
    assert "Traceback" not in log


@WORKERS
def test_the_death_of_the_embedded_mongod_is_no_clean_stop(tmp_path: Path, workers: str) -> None:
    settings = {"HEADCOUNT_JWT_SECRET": SECRET, "HEADCOUNT_DRAIN_SECONDS": _FOREVER}
    with running(tmp_path, "serve", **settings, HEADCOUNT_WORKERS=workers) as (process, _):
        pid = (tmp_path / ".headcount" / "lock").read_text().split()[1]
        os.kill(int(pid), signal.SIGKILL)
        code, log = _end(process)
    assert code == 1
    assert "the embedded MongoDB has ended" in log
    assert log.splitlines()[-1].startswith("headcount: The embedded MongoDB ended with -9")


def test_a_server_outlives_a_mongod_that_is_not_its_own(tmp_path: Path) -> None:
    with Mongod(tmp_path) as mongod:
        with MongoClient[dict[str, Any]](mongod.uri) as client:
            client.admin.command("ping")
        settings = {
            "HEADCOUNT_JWT_SECRET": SECRET,
            "HEADCOUNT_MONGODB_URI": f"{mongod.uri}&serverSelectionTimeoutMS=500",
        }
        with running(tmp_path, "serve", **settings) as (process, url):
            mongod.kill()
            _until(lambda: _ready(url) == 503)
            assert httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200
            mongod.start()
            _until(lambda: _ready(url) == 200)
            mongod.kill()
            process.send_signal(signal.SIGTERM)
            assert _end(process)[0] == 0


def test_a_busy_worker_is_not_replaced(tmp_path: Path, settings: dict[str, str]) -> None:
    with running(tmp_path, "serve", **settings, HEADCOUNT_WORKERS="2") as (process, url):
        workers = _workers(process)
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        # Longer than uvicorn's default of five seconds.
        time.sleep(6)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        assert _ready(url) == 200
        assert _workers(process) == workers
        process.send_signal(signal.SIGTERM)
        code, log = _end(process)
    assert code == 0
    assert "a worker has ended" not in log


def test_sighup_replaces_workers_without_a_drain(tmp_path: Path, settings: dict[str, str]) -> None:
    settings |= {"HEADCOUNT_DRAIN_SECONDS": _FOREVER, "HEADCOUNT_WORKERS": "2"}
    with running(tmp_path, "serve", **settings) as (process, url):
        before = _workers(process)
        process.send_signal(signal.SIGHUP)
        _until(lambda: len(now := _workers(process)) == 2 and not now & before)
        assert {_ready(url) for _ in range(8)} == {200}
        process.send_signal(signal.SIGINT)
        code, log = _end(process)
    assert code == 0
    assert "the server drains" not in log


def _workers(process: Command) -> set[int]:
    children = set[int]()
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        # A thread may end meanwhile.
        with suppress(FileNotFoundError):
            children |= {*map(int, (task / "children").read_text().split())}
    return {each for each in children if "spawn_main" in Path(f"/proc/{each}/cmdline").read_text()}


# A server whose connection to the database is never closed.
_HANGING = """
import asyncio, sys
from server import cli
from server.http import stopping, worker

async def hang(self, stack, *_):
    await asyncio.sleep(0)
    stack.push_async_callback(asyncio.Event().wait)

worker.WorkerApplication._connect = hang
worker.CLEANUP_SECONDS = 1
sys.argv = ["headcount", "serve"]
cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_last_timer_ends_a_server_that_hangs(
    tmp_path: Path, settings: dict[str, str], number: signal.Signals
) -> None:
    port = str(free_port())
    with subprocess.Popen(
        [sys.executable, "-c", _HANGING],
        cwd=tmp_path,
        env=environment(settings | {"HEADCOUNT_PORT": port, "PYTHONPATH": str(_ROOT)}),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _until(lambda: _accepts(f"http://127.0.0.1:{port}"))
        process.send_signal(number)
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Waiting for application shutdown." in log
    assert "Timeout (0:00:01)!" in log


def _accepts(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False
