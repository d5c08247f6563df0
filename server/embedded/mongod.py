"""The embedded MongoDB: runs a mongod as a one-node replica set, and stops it."""

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

# Seconds. A start takes about one; only recovering much data after a kill takes more.
START_LIMIT, STOP_LIMIT, LOCK_LIMIT, POLL, CHECK = 60.0, 10.0, 5.0, 0.01, 1.0
LOG_LIMIT = 8 << 20
# mongod's log entry "Waiting for connections", and its exit code when the port is taken.
LISTENING, PORT_TAKEN = '"id":23016,', 48

# Asks the kernel to kill it when its parent ends, then becomes mongod; a parent that ended before
# that needs no mongod. It stands in for a preexec_fn, which can deadlock where there are threads.
# SIGKILL, as what is acknowledged is in the journal, and a SIGTERM amid a start can hang mongod.
TIED_TO_PARENT = """import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])"""


@contextmanager
def embedded_mongod(
    folder: Path, *, cache_gb: float = 1, on_death: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """Run a mongod on the data in `folder`; yields its URI once it is a writable primary.

    The data outlive the block, and a kill. A SIGTERM that nobody else handles ends the block by
    SystemExit, so that mongod is stopped. `cache_gb` is the size of WiredTiger's cache in GiB.
    `on_death` is called, in another thread, with mongod's exit code if it ends before the block.
    Raises StartupError if there is no mongod, it does not start, or the folder is in use.
    """
    if sys.platform == "win32":
        raise StartupError("the embedded MongoDB needs Linux or macOS: set HEADCOUNT_MONGODB_URI")
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
    raise StartupError("mongod found no free port on 127.0.0.1: try again")


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
    # By default it ends Python on the spot, without any `finally`. That holds under uvicorn too:
    # having shut down, it raises the signal again for the handler that was there before.
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
    """Hold the folder's lock, a descriptor that mongod inherits: it lasts as long as either."""
    try:
        (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        why = f"cannot keep data in {folder} ({error.strerror})"
        raise StartupError(f"{why}: choose a folder that can be written") from error
    # The mongod of a killed server holds the lock until it has ended, which takes a moment.
    limit = time.monotonic() + LOCK_LIMIT
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > limit:
                pids = " with mongod ".join(os.pread(lock, 100, 0).decode().split())
                why = f"{folder} is in use by process {pids}"
                raise StartupError(f"{why}: stop it, or choose another data folder")
            time.sleep(POLL)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def _running(
    command: list[str], log: Path, lock: int, died: Callable[[int], None]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run mongod, keep its log short, and end it: in order, which takes it a second, or else."""
    started: Future[subprocess.Popen[bytes]] = Future()
    stopping = threading.Event()
    older_log = log.with_name("mongod.log.1")
    if sys.platform == "linux":
        command = [sys.executable, "-ISc", TIED_TO_PARENT, str(os.getpid()), *command]

    def keep() -> None:
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
                    # Else Ctrl-C in a terminal would end mongod before the server is done with it.
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(StartupError(f"cannot start mongod: {error}"))
            return
        started.set_result(process)
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {process.pid}\n".encode(), 0)
        while not stopping.wait(CHECK):
            if process.poll() is not None:
                died(process.returncode)
                break
            # mongod appends to the descriptor it was given: the file is emptied, never replaced.
            with suppress(OSError):
                if log.stat().st_size > LOG_LIMIT:
                    shutil.copyfile(log, older_log)
                    os.truncate(log, 0)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
        process.kill()
        process.wait()

    # To the kernel the parent is the *thread* that forked. So that is one which stays until mongod
    # has ended, whatever becomes of the caller's.
    keeper = threading.Thread(target=keep, name="mongod", daemon=True)
    keeper.start()
    try:
        yield started.result()
    finally:
        stopping.set()
        keeper.join()


def _ready(process: subprocess.Popen[bytes], log: Path, port: int) -> bool:
    """Wait for the writable primary; False if another process has taken the port meanwhile."""
    limit = time.monotonic() + START_LIMIT
    with MongoClient[dict[str, Any]](
        "127.0.0.1", port, directConnection=True, retryWrites=False, timeoutMS=5000, connect=False
    ) as client:
        while process.poll() is None and time.monotonic() < limit:
            # Its own word, not a connection: on a port that was taken someone else would answer.
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
    """Whether the node takes writes; if not, it has been moved one step closer to it."""
    replica_sets, node = client["local"]["system.replset"], {"_id": 0, "host": address}
    with suppress(PyMongoError):
        if client.admin.command("hello")["isWritablePrimary"]:
            # The next start has another port, and before it could be told, mongod would ask whoever
            # listens on this one by then whether it is itself: for 30 s if that one is silent. So
            # what is stored, not what is in use, becomes a port that refuses at once.
            with suppress(PyMongoError):
                replica_sets.update_one({}, {"$set": {"members.0.host": "127.0.0.1:1"}})
            return True
        stored = replica_sets.find_one()
        if stored is None:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [node]})
        elif stored["members"][0]["host"] != address:
            client.admin.command("replSetReconfig", {**stored, "members": [node]}, force=True)
    return False


def _reason(said: str) -> str:
    """What the first error in mongod's log says, else the first line that is not of the log."""
    errors = re.findall(r'^.*"s":"[EF]".*$', said, re.MULTILINE)
    line = next(iter(errors or re.findall(r"^[^{].*$", said, re.MULTILINE)), "no reason given")
    for key in ("errmsg", "error_str", "error", "msg"):
        if found := re.search(rf'"{key}":"((?:[^"\\]|\\.)*)"', line):
            return found[1]
    return str(line)
