"""Computing with many objects: in a thread, so that the event loop stays free."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

MANY: Final = 5_000
"""The cells or rows from which a thread computes with them: a pass over them takes some 5 ms."""


async def computed(size: int, function: Callable[[], _T]) -> _T:
    """What a function returns that computes with `size` cells or rows, and waits for nothing.

    While a thread computes, the interpreter switches to the event loop every 5 ms.
    """
    return function() if size < MANY else await asyncio.to_thread(function)
