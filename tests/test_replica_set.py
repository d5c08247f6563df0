"""The replica set that tests use: its members can be stopped, stepped down and delayed."""

from collections.abc import Iterator

import pytest
from pymongo import WriteConcern

from tests.commands import Mongod
from tests.replica_set import Client, ReplicaSet, client_of, fail_point


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("replica_set"), election_seconds=1) as replica_set:
        yield replica_set


def _events(member: Mongod) -> int:
    with client_of(member) as client:
        return client["headcount"]["events"].count_documents({})


def _insert(replica_set: ReplicaSet, members: int) -> int:
    """Inserts an event that so many members have; returns the number of events."""
    with Client(replica_set.uri) as client:
        events = client["headcount"]["events"].with_options(write_concern=WriteConcern(members))
        events.insert_one({})
        return events.count_documents({})


def test_a_paused_secondary_answers_with_what_it_has(replica_set: ReplicaSet) -> None:
    replica_set.await_members()
    events = _insert(replica_set, 3)
    late, other = replica_set.secondaries
    with replica_set.paused(late):
        assert _insert(replica_set, 2) == events + 1
        assert _events(other) == events + 1
        assert _events(late) == events
    assert _insert(replica_set, 3) == _events(late) == events + 2


def test_a_delayed_secondary_is_late(replica_set: ReplicaSet) -> None:
    replica_set.await_members()
    late, other = replica_set.secondaries
    replica_set.delay(late, 3600)
    events = _insert(replica_set, 2)
    assert _events(other) == events
    assert _events(late) < events
    replica_set.delay(late, 0)
    _insert(replica_set, 3)
    assert _events(late) == events + 1


def test_another_member_becomes_primary(replica_set: ReplicaSet) -> None:
    replica_set.await_members()
    first = replica_set.primary
    second = replica_set.step_down()
    assert second is not first
    replica_set.await_members()
    second.kill()
    third = replica_set.primary
    assert third is not second
    _insert(replica_set, 2)
    second.start()
    replica_set.await_members()
    with replica_set.frozen(third):
        assert replica_set.primary is not third
        _insert(replica_set, 2)
    replica_set.await_members()
    assert replica_set.secondaries


def test_a_fail_point_fails_the_commands_of_a_namespace(replica_set: ReplicaSet) -> None:
    primary = replica_set.primary
    with (
        fail_point(primary, "failCommand", failCommands=["find"], namespace="a.b", errorCode=13),
        client_of(primary) as client,
    ):
        assert client["a"]["c"].find_one() is None
        with pytest.raises(Exception, match="failCommand"):
            client["a"]["b"].find_one()
    with client_of(primary) as client:
        assert client["a"]["b"].find_one() is None
