"""Disturbances of servers: kills, freezes, builds by hand."""

import time
from random import Random
from typing import Final

from tests.differential.deployment import Deployment

_LEASE_SECONDS: Final = 6.0


def kill(deployment: Deployment, chance: Random) -> None:
    """Kills a server, and starts it again."""
    server = chance.choice(deployment.servers)
    deployment.journal.line(f"kills {server.name}")
    server.kill()
    time.sleep(chance.choice([0, chance.uniform(0, 3)]))
    server.start()


def freeze(deployment: Deployment, chance: Random) -> None:
    """Freezes a server past its leases, so that the other one takes them."""
    server = chance.choice(deployment.servers)
    deployment.journal.line(f"freezes {server.name}")
    server.freeze()
    try:
        time.sleep(_LEASE_SECONDS + chance.uniform(0.5, 4))
    finally:
        server.thaw()


def build(deployment: Deployment, chance: Random) -> None:
    """Runs `headcount rollups build`, which takes the leases by force."""
    code, output = chance.choice(deployment.servers).command("rollups", "build")
    deployment.journal.line(f"headcount rollups build: {code}, {output.strip()[-300:]}")
    deployment.journal.count(f"headcount rollups build exited with {code}")
