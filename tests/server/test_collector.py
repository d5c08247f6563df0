"""The garbage collector scans all objects while the server is idle."""

import asyncio
import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from cancelling import running
from server import collector


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def scans_of_few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No scan of all objects but those of the code under test."""
    monkeypatch.setattr(collector, "_IDLE_SECONDS", 0)
    thresholds = gc.get_threshold()
    gc.set_threshold(thresholds[0], thresholds[1], 1_000_000)
    gc.collect()
    yield
    gc.set_threshold(*thresholds)


async def test_all_objects_are_scanned_once_the_server_is_idle() -> None:
    requests = {"a request"}
    cycle = _Cycle()
    for _ in range(collector._IDLE_SCANS):
        gc.collect(1)
    left = ref(cycle)
    del cycle
    async with running(collector.scan_when_idle(lambda: not requests)):
        await asyncio.sleep(0.05)
        assert left() is not None
        requests.clear()
        await asyncio.sleep(0.05)
        assert left() is None


async def test_few_new_objects_are_not_scanned() -> None:
    cycle = _Cycle()
    gc.collect(1)
    left = ref(cycle)
    del cycle
    async with running(collector.scan_when_idle(lambda: True)):
        await asyncio.sleep(0.05)
    assert left() is not None
