"""The processor time that the event loop's thread takes without a pause."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

STRETCH_SECONDS: Final = 2 * 0.050
"""Twice what is promised: tests run beside others."""

_BEAT_SECONDS: Final = 0.001


@dataclass
class Occupied:
    """Seconds of processor time: the longest stretch between two turns of others, and all."""

    longest: float = 0
    total: float = 0


@asynccontextmanager
async def occupied() -> AsyncIterator[Occupied]:
    """Measures what the block's requests take of the event loop's thread.

    A task that is ready all the time notes the thread's processor time at each of its turns. The
    longest time between two of them is how long any other request would have had to wait.
    """
    found = Occupied()

    async def beat() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            now = time.thread_time()
            found.longest = max(found.longest, now - before)
            before = now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(2 * _BEAT_SECONDS)
    found.longest = 0
    began = time.thread_time()
    try:
        yield found
    finally:
        await asyncio.sleep(2 * _BEAT_SECONDS)
        found.total = time.thread_time() - began
        beating.cancel()
