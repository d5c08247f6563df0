"""Python's garbage collector in a server process."""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

_THRESHOLDS: Final = (20_000, 2, 500)
"""Scan 20,000 new objects, with those that survived one scan 60,000, all after 30 million more."""
_IDLE_SCANS: Final = 25
"""Scan all objects after 1.5 million more if the server is idle."""
_IDLE_SECONDS: Final = 0.25


def tune_collector() -> None:
    """Keeps the garbage collector from holding the event loop. Call it at the end of the startup.

    By default, all objects are scanned whenever there are some 70,000 more, also those of the
    startup, which live until the end. While 100,000 documents were decoded, scans took ten times as
    long as decoding, up to 130 ms at once.

    Requests leave next to no cycles, which only a scan would find (tests/hostile/test_garbage.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


async def scan_when_idle(idle: Callable[[], bool]) -> None:
    """Scans all objects from time to time, while no request is waiting.

    A scan in the middle of a large answer looks at all of its cells: with 100,000 promo codes it
    held the event loop for 440 ms.
    """
    while True:
        await asyncio.sleep(_IDLE_SECONDS)
        if gc.get_count()[2] >= _IDLE_SCANS and idle():
            gc.collect()
