"""Leases: at most one process at a time maintains a rollup."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from pymongo import ReadPreference
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError

from cubes.declaration import Stage
from cubes.expressions import Expression
from rollups.keeper.store import RollupStore, State
from rollups.layout.rollup import Rollup


class LeaseLost(Exception):
    """Another process took the lease, or a check discarded the cells that a write is about."""


class Lease:
    """The right to maintain a rollup, for `RollupStore.lease_seconds` after each update.

    Leaving `async with` ends the lease, so that another process can acquire it at once.
    """

    def __init__(
        self,
        store: RollupStore,
        rollup: Rollup,
        session: AsyncClientSession,
        owner: str,
        fencing_token: int,
    ) -> None:
        self.store = store
        self.rollup = rollup
        self._session = session
        self._own = {"_id": rollup.state_id, "owner": owner, "fencing_token": fencing_token}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.end_session()
        # The driver may use the session again for something else: `killSessions` must not end it.
        with suppress(PyMongoError):
            ended: list[Stage] = [{"$set": {"expires_at": "$$NOW"}}, {"$unset": "session"}]
            await self.store.states.update_one(self._own, ended)

    async def update(
        self,
        values: Mapping[str, Any],
        *,
        increments: Mapping[str, int] | None = None,
        session: AsyncClientSession | None = None,
        **expected: Any,
    ) -> State:
        """Renews the lease, sets `values`, adds `increments`; returns the new state document.

        Raises `LeaseLost`, and changes nothing, if the lease is lost or a field of the state
        document does not have the `expected` value.
        """
        literals = {name: {"$literal": value} for name, value in values.items()}
        sums = {
            name: {"$add": [{"$ifNull": [f"${name}", 0]}, number]}
            for name, number in (increments or {}).items()
        }
        update = [{"$set": literals | sums | {"expires_at": _expiry(self.store)}}]
        state = await self.store.states.find_one_and_update(
            self._own | expected, update, session=session, return_document=True
        )
        if state is None:
            raise LeaseLost
        return state

    async def in_transaction(self, work: Callable[[AsyncClientSession], Awaitable[None]]) -> None:
        """Runs `work` in one transaction of the lease's session."""
        # A transaction reads the primary only, whatever the URI's read preference.
        await self._session.with_transaction(work, read_preference=ReadPreference.PRIMARY)


async def acquire(
    store: RollupStore, rollup: Rollup, owner: str, *, by_force: bool = False
) -> Lease | None:
    """The rollup's lease; None while another process holds it.

    With `by_force` the lease is taken from the keeper, whose next update raises `LeaseLost`.
    """
    await store.register(rollup)
    free = by_force or {"$not": [{"$gt": ["$expires_at", "$$NOW"]}]}
    available = {"_id": rollup.state_id, "$expr": free}
    before = await store.states.find_one(available)
    if before is None:
        return None
    await _abort_transaction(store, before)
    session = store.database.client.start_session()
    values = {
        "owner": {"$literal": owner},
        "session": {"$literal": session.session_id},
        # The time in milliseconds: the token grows even if the state documents were dropped.
        "fencing_token": {"$max": [{"$add": ["$fencing_token", 1]}, {"$toLong": "$$NOW"}]},
        "expires_at": _expiry(store),
    }
    state = await store.states.find_one_and_update(
        available, [{"$set": values}], return_document=True
    )
    if state is None:
        await session.end_session()
        return None
    return Lease(store, rollup, session, owner, state["fencing_token"])


async def _abort_transaction(store: RollupStore, state: State) -> None:
    # A killed keeper can leave a transaction open for a minute; abort it.
    if "session" in state:
        with suppress(OperationFailure):
            await store.database.client.admin.command("killSessions", [state["session"]])


def _expiry(store: RollupStore) -> Expression:
    """The end of a lease that is acquired or renewed now, by the database's clock."""
    return {"$add": ["$$NOW", 1000 * store.lease_seconds]}
