"""State documents of rollups, as readers see them: how late cells are, and when they are fresh."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from rollups.layout.rollup import Rollup

FRESH: Final = timedelta(seconds=2)
"""The largest lag at which cells are read."""

State: TypeAlias = Mapping[str, Any]
"""A state document, with two fields more.

- `lag`: milliseconds by MongoDB's clock since the cells were current.
- `snapshot`: the cluster time that the state was read at. At that time the cells fit to it.
"""

States: TypeAlias = Mapping[str, State]
"""Rollup's name → its state document, of the reader's declaration."""


def lag(state: State, age: timedelta) -> timedelta:
    """How late the cells are if the state was read `age` ago."""
    return max(timedelta(), timedelta(milliseconds=state["lag"])) + age


def fresh_state(rollup: Rollup, states: States, age: timedelta) -> State | None:
    """The rollup's state if it has fresh cells; else None."""
    state = states.get(rollup.name, {})
    return state if state.get("cells") and lag(state, age) <= FRESH else None
