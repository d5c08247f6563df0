"""Cancelling of tasks, which can get lost on its way."""

import asyncio
from typing import Any, Final

_AGAIN_SECONDS: Final = 1.5
"""More than what is cancelled takes to close what it has opened."""


async def cancel(*tasks: "asyncio.Future[Any]") -> None:
    """Cancels tasks, and again until they have ended.

    `asyncio.wait_for` of Python 3.11, which the driver uses, takes a cancellation for its own where
    what it waits for has just ended.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN_SECONDS)
