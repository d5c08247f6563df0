"""The slots of exports: how many run at once, in all and for one caller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from errors import TooManyRequests

WAIT_SECONDS: Final = 2.0
"""How long an export waits for a free slot."""


class ExportSlots:
    """The exports that one process runs at once. One caller has at most half of the slots."""

    def __init__(self, number: int) -> None:
        self._all = asyncio.Semaphore(number)
        self._half = max(1, number // 2)
        # A caller's semaphore is there while the caller has or wants a slot.
        self._of_caller = WeakValueDictionary[str, asyncio.Semaphore]()

    @asynccontextmanager
    async def held(self, caller: str) -> AsyncIterator[None]:
        """Holds a slot; raises `TooManyRequests` if none is free for the caller in time."""
        own = self._of_caller.setdefault(caller, asyncio.Semaphore(self._half))
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await stack.enter_async_context(own)
                    await stack.enter_async_context(self._all)
            except TimeoutError as error:
                raise TooManyRequests("Too many exports are running: retry in 5 s.") from error
            yield
