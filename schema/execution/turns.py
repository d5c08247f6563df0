"""Turns: long steps of operations don't follow each other without a turn of the event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Gives long steps a turn of the event loop each; other requests are answered in between."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn; what follows until the next `await` has it alone."""
        async with self._lock:
            await asyncio.sleep(0)
            yield
