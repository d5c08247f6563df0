"""Disturbances of members of the replica set: elections, kills, lag, lost and earlier data."""

import shutil
import time
from pathlib import Path
from random import Random

from pymongo.errors import PyMongoError

from tests.commands import Mongod
from tests.differential import comparisons, snapshots
from tests.differential.deployment import Deployment
from tests.replica_set import client_of


def step_down(deployment: Deployment, chance: Random) -> None:
    """Makes the primary step down."""
    deployment.replica_set.step_down()


def kill_primary(deployment: Deployment, chance: Random) -> None:
    """Kills the primary, and starts it again, before or after another is elected."""
    primary = deployment.replica_set.primary
    primary.kill()
    if chance.random() < 0.5:
        _ = deployment.replica_set.primary
        time.sleep(chance.uniform(0, 2))
    primary.start()
    deployment.await_members()


def kill_secondary(deployment: Deployment, chance: Random) -> None:
    """Kills a secondary, and starts it again."""
    secondary = chance.choice(deployment.replica_set.others)
    secondary.kill()
    time.sleep(chance.uniform(0, 3))
    secondary.start()
    deployment.await_members()


def kill_all(deployment: Deployment, chance: Random) -> None:
    """Kills all members at once, and starts them again."""
    for member in deployment.replica_set.members:
        member.kill()
    time.sleep(chance.uniform(0, 2))
    for member in chance.sample(deployment.replica_set.members, 3):
        member.start()
    deployment.await_members()


def lag(deployment: Deployment, chance: Random) -> None:
    """Secondaries stop applying writes: one of them, or both, so that no majority has the last."""
    some = chance.sample(deployment.replica_set.others, chance.choice([1, 1, 2]))
    deployment.journal.line(f"{len(some)} secondaries lag")
    with deployment.replica_set.paused(*some):
        time.sleep(chance.uniform(1, 5))
        if len(some) == 1:
            with deployment.traffic.paused():
                last = snapshots.now(deployment.database)
                for _ in range(4):
                    comparisons.compare_recent(
                        deployment.database, deployment.servers, chance, deployment.journal, last
                    )
    deployment.await_members()


def initial_sync(deployment: Deployment, chance: Random) -> None:
    """A secondary loses all data, and copies them from another member."""
    _empty(deployment, chance.choice(deployment.replica_set.others))
    deployment.await_members()


def reconfigure(deployment: Deployment, chance: Random) -> None:
    """A reconfiguration by force, which no majority confirms."""
    with client_of(deployment.replica_set.primary) as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
    deployment.await_members()


def lose_the_majority(deployment: Deployment, chance: Random) -> None:
    """The majority is lost for good: a member that lacks its last writes goes on alone.

    Writes that a majority had, and that cells contain, are gone. The lost members copy all data
    from the one that is left.
    """
    replica_set = deployment.replica_set
    left = chance.choice(replica_set.others)
    lost = [each for each in replica_set.members if each is not left]
    with replica_set.paused(left):
        time.sleep(chance.uniform(0.5, 2))
        for member in lost:
            member.kill()
    with client_of(left) as client:
        whole = client.admin.command("replSetGetConfig")["config"]
        alone = [each for each in whole["members"] if each["host"] == left.address]
        config = {**whole, "version": whole["version"] + 1, "members": alone}
        client.admin.command("replSetReconfig", config, force=True)
        _await_primary(deployment, left)
        time.sleep(chance.uniform(0, 2))
        for member in lost:
            _empty(deployment, member)
            now = client.admin.command("replSetGetConfig")["config"]
            mine = next(each for each in whole["members"] if each["host"] == member.address)
            config = {**now, "version": now["version"] + 1, "members": [*now["members"], mine]}
            client.admin.command("replSetReconfig", config, force=True)
    deployment.await_members()


def go_back_in_time(deployment: Deployment, chance: Random) -> None:
    """All members get the files back that they had some seconds before."""
    replica_set = deployment.replica_set
    copies = [_data(deployment, each).with_name("copy") for each in replica_set.members]
    for member in replica_set.members:
        member.kill()
    for member, copy in zip(replica_set.members, copies, strict=True):
        shutil.copytree(_data(deployment, member), copy)
    for member in replica_set.members:
        member.start()
    deployment.await_members()
    time.sleep(chance.uniform(1, 5))
    term = _term(deployment)
    for member in replica_set.members:
        member.kill()
    for member, copy in zip(replica_set.members, copies, strict=True):
        shutil.rmtree(_data(deployment, member))
        copy.rename(_data(deployment, member))
    for member in replica_set.members:
        member.start()
    replica_set.await_members()
    # Drivers ignore primaries of an earlier term than the last that they met.
    while _term(deployment) < term:
        replica_set.step_down()
    deployment.await_members()


def _term(deployment: Deployment) -> int:
    with client_of(deployment.replica_set.primary) as client:
        return int(client.admin.command("replSetGetStatus")["term"])


def _data(deployment: Deployment, member: Mongod) -> Path:
    number = deployment.replica_set.members.index(member)
    return deployment.folder / "members" / f"member{number}" / "data"


def _empty(deployment: Deployment, member: Mongod) -> None:
    """Kills a member, and starts it again without data."""
    member.kill()
    data = _data(deployment, member)
    shutil.rmtree(data)
    data.mkdir()
    member.start()


def _await_primary(deployment: Deployment, member: Mongod) -> None:
    with client_of(member) as client:
        while True:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
            except PyMongoError as error:
                deployment.journal.line(f"waits for the primary: {error}")
            time.sleep(0.05)
