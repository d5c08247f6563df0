"""Cancelling of tasks, which can get lost on its way; tasks of which the first ends the rest."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

_AGAIN_SECONDS: Final = 1.5
"""More than what is cancelled takes to close what it has opened."""


async def cancel(*tasks: "asyncio.Future[Any]") -> None:
    """Cancels tasks, and again until they have ended.

    `asyncio.wait_for` of Python 3.11, which the driver uses, takes a cancellation for its own where
    what it waits for has just ended. Who is cancelled meanwhile leaves none running either.
    """
    interrupted: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted:
        raise interrupted


async def first(*works: Coroutine[Any, Any, None]) -> None:
    """Does works at once until one of them ends, as this does then, and cancels the rest."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        await cancel(*tasks)
    # Those that were cancelled may have failed meanwhile: nobody is to miss that.
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
