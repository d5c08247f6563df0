"""State documents of rollups, as readers see them: how late cells are, and when they are fresh."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from rollups.layout.rollup import Rollup

FRESH: Final = timedelta(seconds=2)
"""How late cells may be to be read."""

State: TypeAlias = Mapping[str, Any]
"""A state document, with `lag`: milliseconds by MongoDB's clock since the cells were current."""

States: TypeAlias = Mapping[str, State]
"""State documents by their `_id`."""


def lag(state: State, age: timedelta) -> timedelta:
    """How late the cells are if the state was read `age` ago."""
    return max(timedelta(), timedelta(milliseconds=state["lag"])) + age


def fresh_state(rollup: Rollup, states: States, age: timedelta) -> State | None:
    """The rollup's state if its cells are of this declaration and fresh; else None."""
    state = states.get(rollup.state_id, {})
    if not state.get("cells") or state["declaration"] != rollup.declaration:
        return None
    return state if lag(state, age) <= FRESH else None
