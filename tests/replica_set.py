"""A replica set of three real members, which tests stop, start, freeze, step down and delay."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.commands import PATIENCE, Mongod

_NAME: Final = "r"
_OPTIONS: Final = (
    *("--replSet", _NAME, "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "200"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # Fail points.
    *("--setParameter", "enableTestCommands=1"),
)
# A reconfiguration is refused while an earlier one is not yet known to a majority, or after an
# election until the primary has committed something.
_RETRIED: Final = frozenset({109, 189, 308, 10107})

Client = MongoClient[dict[str, Any]]

_Found = TypeVar("_Found")


class ReplicaSet:
    """Three members on free ports; all are killed when the block ends.

    Member n has the tag `{member: "n"}`: `readPreferenceTags=member:2` in a URI selects the last.
    All secondaries replicate from the primary, so a delayed one delays no other.
    """

    def __init__(
        self, folder: Path, *options: str | Path, size: int = 3, election_seconds: float = 5
    ) -> None:
        """Members with data below `folder` and further `options` of mongod.

        A killed primary is replaced after about `election_seconds`.
        """
        self.members: list[Mongod] = []
        for number in range(size):
            path = folder / f"member{number}"
            path.mkdir()
            self.members.append(Mongod(path, *_OPTIONS, *options))
        self._election_ms = round(1000 * election_seconds)
        self._stack = ExitStack()

    @property
    def uri(self) -> str:
        """The URI of the whole set; further options can be appended, each with `&`."""
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={_NAME}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for member in self.members:
                stack.enter_context(member)
            self._initiate()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def primary(self) -> Mongod:
        """The primary; waits until there is one."""

        def find() -> Mongod | None:
            return next(
                (each for each in self.members if _hello(each).get("isWritablePrimary")), None
            )

        return _until(find)

    @property
    def secondaries(self) -> list[Mongod]:
        """The members that are secondaries now."""
        return [each for each in self.members if _hello(each).get("secondary")]

    @property
    def others(self) -> list[Mongod]:
        """All members but the primary, whatever state they are in; waits for a primary."""
        primary = self.primary
        return [each for each in self.members if each is not primary]

    def await_members(self) -> None:
        """Waits until there is a primary, and all other members are secondaries."""
        _until(lambda: len(self.secondaries) == len(self.members) - 1 or None)
        _ = self.primary

    def step_down(self) -> Mongod:
        """Makes the primary step down; returns the next primary."""
        before = self.primary
        with client_of(before) as client, suppress(PyMongoError):
            # A secondary that has caught up within 10 s is elected at once.
            client.admin.command("replSetStepDown", 60, secondaryCatchUpPeriodSecs=10)
        with client_of(before) as client, suppress(PyMongoError):
            # Otherwise it could not be elected again for a minute.
            client.admin.command("replSetFreeze", 0)
        return self.primary

    def delay(self, member: Mongod, seconds: int) -> None:
        """Makes a secondary apply each write so many seconds late; with 0, at once again.

        While delayed, the member can't become primary.
        """
        number = self.members.index(member)

        def reconfigure() -> bool | None:
            with client_of(self.primary) as client:
                config = client.admin.command("replSetGetConfig")["config"]
                config["version"] += 1
                config["members"][number]["secondaryDelaySecs"] = seconds
                config["members"][number]["priority"] = 0 if seconds else 1
                try:
                    client.admin.command("replSetReconfig", config)
                except OperationFailure as error:
                    if error.code not in _RETRIED:
                        raise
                    return None
            return True

        _until(reconfigure)

    @contextmanager
    def paused(self, *members: Mongod) -> Iterator[None]:
        """Secondaries that apply no write inside the block: they answer with what they have."""
        with ExitStack() as stack:
            for member in members:
                stack.enter_context(fail_point(member, "rsSyncApplyStop"))
            yield

    @contextmanager
    def frozen(self, member: Mongod) -> Iterator[None]:
        """A member whose process stands still inside the block: it accepts connections at most."""
        member.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            member.send_signal(signal.SIGCONT)

    def _initiate(self) -> None:
        members = [
            {"_id": number, "host": member.address, "tags": {"member": str(number)}}
            for number, member in enumerate(self.members)
        ]
        for member in self.members:
            with client_of(member) as client:
                client.admin.command("ping")
        settings = {"chainingAllowed": False, "heartbeatIntervalMillis": 200}
        # The first election waits for this timeout.
        quick = settings | {"electionTimeoutMillis": 500}
        config = {"_id": _NAME, "version": 1, "members": members, "settings": quick}
        with client_of(self.members[0]) as client:
            client.admin.command("replSetInitiate", config)
        self.await_members()
        slower = settings | {"electionTimeoutMillis": self._election_ms}

        def reconfigure() -> bool | None:
            with client_of(self.primary) as client, suppress(OperationFailure):
                now = client.admin.command("replSetGetConfig")["config"]
                now |= {"version": now["version"] + 1, "settings": slower}
                client.admin.command("replSetReconfig", now)
                return True
            return None

        _until(reconfigure)


@contextmanager
def fail_point(member: Mongod, name: str, mode: object = "alwaysOn", **data: Any) -> Iterator[None]:
    """A fail point of one member that is on inside the block.

    `fail_point(member, "failCommand", failCommands=["aggregate"], namespace="db.collection",
    errorCode=13)` makes these commands fail; `blockConnection=True, blockTimeMS=1000` delays them.
    A member that was killed meanwhile has none any more.
    """
    with client_of(member) as client:
        client.admin.command("configureFailPoint", name, mode=mode, data=data)
    try:
        yield
    finally:
        with client_of(member) as client, suppress(PyMongoError):
            client.admin.command("configureFailPoint", name, mode="off")


def client_of(member: Mongod) -> Client:
    """A client of one member alone, to be closed."""
    return Client(member.uri, serverSelectionTimeoutMS=round(1000 * PATIENCE))


def _hello(member: Mongod) -> Mapping[str, Any]:
    """A member's answer to `hello`; empty if it does not answer within a second."""
    with (
        suppress(PyMongoError),
        Client(member.uri, serverSelectionTimeoutMS=1000, socketTimeoutMS=1000) as client,
    ):
        hello: Mapping[str, Any] = client.admin.command("hello")
        return hello
    return {}


def _until(find: Callable[[], _Found | None]) -> _Found:
    """Waits until `find` returns something; fails after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        if (found := find()) is not None:
            return found
        assert time.monotonic() < deadline, "the replica set is not ready"
        time.sleep(0.05)
