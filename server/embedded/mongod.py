"""The embedded MongoDB: starts and stops a mongod as a one-node replica set."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from errors import StartupError
from server.embedded.program import find_mongod

if sys.platform != "win32":
    import fcntl

REPLICA_SET = "headcount"

# In seconds. A start takes about one; the recovery of much data after a kill takes longer.
START_LIMIT, STOP_LIMIT, LOCK_LIMIT, POLL, CHECK = 60.0, 10.0, 5.0, 0.01, 1.0
LOG_LIMIT = 8 << 20
# mongod's log entry "Waiting for connections", and its exit code when the port is taken.
LISTENING, PORT_TAKEN = '"id":23016,', 48

# Asks the kernel to kill this process when its parent ends, checks that the parent still runs, and
# becomes mongod. A preexec_fn would do the same, but can deadlock in a process with threads.
# SIGKILL loses no data, as acknowledged writes are in the journal; SIGTERM during the start can
# hang mongod.
TIED_TO_PARENT = """import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])"""


@contextmanager
def embedded_mongod(
    folder: Path, *, cache_gb: float = 1, on_death: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """Runs a mongod on the data in `folder`; yields its URI once it is a writable primary.

    The data survive the block, and a kill. If the process has no handler for SIGTERM, the signal
    ends the block with SystemExit, which stops mongod. `cache_gb` is the size of WiredTiger's cache
    in GiB. `on_death` is called with mongod's exit code, in another thread, if mongod ends before
    the block. Raises StartupError if mongod is missing or does not start, or the folder is in use.
    """
    if sys.platform == "win32":
        raise StartupError("The embedded MongoDB needs Linux or macOS: set HEADCOUNT_MONGODB_URI.")
    binary, folder = find_mongod(), folder.absolute()
    log = folder / "mongod.log"
    with _exit_on_sigterm(), _locked(folder) as lock:
        for _ in range(5):
            port = _free_port()
            ready = threading.Event()

            def died(code: int, ready: threading.Event = ready) -> None:
                if ready.is_set():
                    on_death(code)

            with _running(_command(binary, folder, port, cache_gb), log, lock, died) as process:
                if _ready(process, log, port):
                    ready.set()
                    yield f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"
                    return
    raise StartupError("mongod found no free port on 127.0.0.1: try again.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _command(binary: Path, folder: Path, port: int, cache_gb: float) -> list[str]:
    return [
        *(str(binary), "--dbpath", str(folder / "data"), "--replSet", REPLICA_SET),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--networkMessageCompressors", "disabled"),
        *("--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "1024"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet", "--slowms", "1000"),
    ]


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    # By default SIGTERM ends Python without running any `finally`. uvicorn, too, raises the signal
    # again for the previous handler once it has shut down.
    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Locks the folder. mongod inherits the descriptor: the lock lasts until both processes end."""
    try:
        (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        why = f"Can't write to {folder} ({error.strerror})"
        raise StartupError(
            f"{why}: start Headcount in a writable working directory, or set HEADCOUNT_MONGODB_URI."
        ) from error
    # After a kill of the server, its mongod holds the lock until it has ended.
    limit = time.monotonic() + LOCK_LIMIT
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > limit:
                pids = " with mongod ".join(os.pread(lock, 100, 0).decode().split())
                why = f"{folder} is in use by process {pids}"
                raise StartupError(
                    f"{why}: stop it, start Headcount in another working directory, or set "
                    "HEADCOUNT_MONGODB_URI."
                )
            time.sleep(POLL)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def _running(
    command: list[str], log: Path, lock: int, died: Callable[[int], None]
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs mongod, truncates its log, and stops it: by SIGTERM, or after 10 s by SIGKILL."""
    started: Future[subprocess.Popen[bytes]] = Future()
    stopping = threading.Event()
    older_log = log.with_name("mongod.log.1")
    if sys.platform == "linux":
        command = [sys.executable, "-ISc", TIED_TO_PARENT, str(os.getpid()), *command]

    def supervise() -> None:
        try:
            if log.exists():
                log.replace(older_log)
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[lock],
                    # Ctrl-C in a terminal must not end mongod before the server.
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(StartupError(f"Can't start mongod: {error}."))
            return
        started.set_result(process)
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {process.pid}\n".encode(), 0)
        while not stopping.wait(CHECK):
            if process.poll() is not None:
                died(process.returncode)
                break
            # mongod has the file open: it is truncated instead of replaced.
            with suppress(OSError):
                if log.stat().st_size > LOG_LIMIT:
                    shutil.copyfile(log, older_log)
                    os.truncate(log, 0)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
        process.kill()
        process.wait()

    # For the kernel the parent is the thread that forked: it has to live until mongod has ended,
    # and the caller's thread may end earlier.
    supervisor = threading.Thread(target=supervise, name="mongod", daemon=True)
    supervisor.start()
    try:
        yield started.result()
    finally:
        stopping.set()
        supervisor.join()


def _ready(process: subprocess.Popen[bytes], log: Path, port: int) -> bool:
    """Waits for the writable primary; False if another process has taken the port.

    Raises StartupError if mongod ends or is not ready in time.
    """
    limit = time.monotonic() + START_LIMIT
    with MongoClient[dict[str, Any]](
        "127.0.0.1", port, directConnection=True, retryWrites=False, timeoutMS=5000, connect=False
    ) as client:
        while process.poll() is None and time.monotonic() < limit:
            # By its log, not by a connection: another process may have taken the port.
            listening = LISTENING in log.read_text(errors="replace")
            if listening and _is_primary(client, f"127.0.0.1:{port}"):
                return True
            time.sleep(POLL)
    if process.returncode == PORT_TAKEN:
        return False
    why = f"is not ready after {START_LIMIT:.0f} s"
    if process.returncode is not None:
        why = f"ended with {process.returncode}: {_reason(log.read_text(errors='replace'))}"
    raise StartupError(f"mongod {why}; see {log}")


def _is_primary(client: MongoClient[dict[str, Any]], address: str) -> bool:
    """Whether the node accepts writes; if not, takes the next step towards it."""
    replica_sets, node = client["local"]["system.replset"], {"_id": 0, "host": address}
    with suppress(PyMongoError):
        if client.admin.command("hello")["isWritablePrimary"]:
            # The next start has another port. Until it is reconfigured, mongod contacts the stored
            # address to find itself, and waits up to 30 s for a process that does not respond. So
            # the stored address, not the one in use, becomes a port that refuses connections.
            with suppress(PyMongoError):
                replica_sets.update_one({}, {"$set": {"members.0.host": "127.0.0.1:1"}})
            return True
        stored = replica_sets.find_one()
        if stored is None:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [node]})
        elif stored["members"][0]["host"] != address:
            client.admin.command("replSetReconfig", {**stored, "members": [node]}, force=True)
    return False


def _reason(log: str) -> str:
    """The message of the first error in mongod's log, else the first line that is no log entry."""
    errors = re.findall(r'^.*"s":"[EF]".*$', log, re.MULTILINE)
    line = next(iter(errors or re.findall(r"^[^{].*$", log, re.MULTILINE)), "no reason logged")
    for key in ("errmsg", "error_str", "error", "msg"):
        if found := re.search(rf'"{key}":"((?:[^"\\]|\\.)*)"', line):
            return found[1]
    return str(line)
