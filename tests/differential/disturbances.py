"""The catalog of disturbances: what happens to servers, members and collections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.differential import collection_disturbances as collections
from tests.differential import member_disturbances as members
from tests.differential import restores
from tests.differential import server_disturbances as servers
from tests.differential.deployment import Deployment


@dataclass(frozen=True)
class Disturbance:
    """Something that happens while the traffic goes on."""

    run: Callable[[Deployment, Random], None]
    weight: float
    replaces: bool = False
    """Whether collections are dropped or replaced meanwhile, so that their totals change."""


DISTURBANCES: Final[Mapping[str, Disturbance]] = {
    "kill": Disturbance(servers.kill, 4),
    "freeze": Disturbance(servers.freeze, 1),
    "build": Disturbance(servers.build, 1),
    "step-down": Disturbance(members.step_down, 2),
    "kill-primary": Disturbance(members.kill_primary, 1),
    "kill-secondary": Disturbance(members.kill_secondary, 1),
    "kill-all": Disturbance(members.kill_all, 0.5),
    "lag": Disturbance(members.lag, 1),
    "initial-sync": Disturbance(members.initial_sync, 0.5),
    "reconfigure": Disturbance(members.reconfigure, 0.5),
    "lost-majority": Disturbance(members.lose_the_majority, 0.5, replaces=True),
    "back-in-time": Disturbance(members.go_back_in_time, 0.5, replaces=True),
    "rename": Disturbance(collections.rename_away_and_back, 1.5, replaces=True),
    "out": Disturbance(collections.replace_by_out, 1.5, replaces=True),
    "drop": Disturbance(collections.drop_and_recreate, 1.5, replaces=True),
    "indexes": Disturbance(collections.change_indexes, 2),
    "pre-images": Disturbance(collections.disable_pre_images, 0.5),
    "restore": Disturbance(restores.restore_into_the_same_set, 1.5, replaces=True),
    "restore-elsewhere": Disturbance(restores.restore_into_another_set, 0.5),
}
"""Name → disturbance."""
