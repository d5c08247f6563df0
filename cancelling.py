"""Reliable cancellation of asyncio tasks."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

_RETRY_SECONDS: Final = 1.5
"""Time after which a task is cancelled again; longer than a task takes to clean up."""


async def cancel(*tasks: "asyncio.Future[Any]") -> None:
    """Cancels tasks, repeatedly, until all have ended.

    One cancellation can get lost: `asyncio.wait_for` of Python 3.11, which the driver uses,
    swallows one that arrives as its awaitable ends. A caller that is cancelled meanwhile still
    waits for all tasks, and then raises `CancelledError`.
    """
    interrupted: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=_RETRY_SECONDS)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted:
        raise interrupted


async def first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Runs coroutines concurrently until the first one ends; cancels the others.

    Raises the exception of the one that ended first.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        await cancel(*tasks)
    # Retrieves the exceptions of cancelled tasks: asyncio would log them as never retrieved.
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()


@asynccontextmanager
async def running(coroutine: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Runs a coroutine beside the block, and cancels it at the block's end."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        await cancel(task)
