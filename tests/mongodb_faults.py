"""Faults of a replica set, each for the time of a block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.replica_set import ReplicaSet, fail_point

Fault = Callable[[ReplicaSet], AbstractContextManager[Any]]


@contextmanager
def killed(members: ReplicaSet) -> Iterator[None]:
    """The primary is killed, and started after the block."""
    primary = members.primary
    primary.kill()
    yield
    primary.start()
    members.await_members()


@contextmanager
def all_killed(members: ReplicaSet) -> Iterator[None]:
    """All members are killed, and started after the block."""
    for member in members.members:
        member.kill()
    yield
    for member in members.members:
        member.start()
    members.await_members()


@contextmanager
def stepped_down(members: ReplicaSet) -> Iterator[None]:
    """Another member becomes the primary."""
    members.step_down()
    yield


def slow(members: ReplicaSet) -> AbstractContextManager[None]:
    """Each aggregation takes half a second more."""
    block = {"failCommands": ["aggregate"], "blockConnection": True, "blockTimeMS": 500}
    return fail_point(members.primary, "failCommand", **block)


def silent(members: ReplicaSet) -> AbstractContextManager[None]:
    """Each aggregation takes five seconds more."""
    block = {"failCommands": ["aggregate"], "blockConnection": True, "blockTimeMS": 5_000}
    return fail_point(members.primary, "failCommand", **block)


def cut(members: ReplicaSet) -> AbstractContextManager[None]:
    """Each aggregation closes its connection."""
    cut = {"failCommands": ["aggregate"], "closeConnection": True}
    return fail_point(members.primary, "failCommand", **cut)


def frozen(members: ReplicaSet) -> AbstractContextManager[None]:
    """The primary stands still."""
    return members.frozen(members.primary)
