"""State documents of rollups, as readers see them: how late cells are, and when they are fresh."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, Final, TypeAlias

from bson import Timestamp
from bson.binary import Binary

from rollups.layout.rollup import Rollup

FRESH: Final = timedelta(seconds=2)
"""The largest lag at which cells are read."""

_TYPES: Final = {
    "cells": str,
    "position": Timestamp,
    "version": Timestamp,
    "as_of": datetime,
    "lag": int | float,
    "snapshot": Timestamp,
    "cells_uuid": Binary | NoneType,
    "source_uuid": Binary | NoneType,
}

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


def malformed(state: State) -> str | None:
    """A field of a state with cells whose type is wrong; None if there is none."""
    if not state.get("cells"):
        return None
    fields = _TYPES.items()
    return next((name for name, type in fields if not isinstance(state.get(name), type)), None)


def fresh_state(rollup: Rollup, states: States, age: timedelta) -> State | None:
    """The rollup's state if it has fresh cells; else None.

    A position after the time that the state was read at is of another history of the database, as
    after the restore of an older backup.
    """
    state = states.get(rollup.name, {})
    if not state.get("cells") or state["position"] > state["snapshot"]:
        return None
    return state if lag(state, age) <= FRESH else None
