"""`cancel` leaves no task running, even if the caller is cancelled meanwhile."""

import asyncio
from contextlib import suppress

import pytest

from cancelling import cancel, first


async def _stubborn(ended: list[str], name: str) -> None:
    """Swallows the first cancellation, as the driver may; ends on the second."""
    try:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
    finally:
        ended.append(name)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cancelling._RETRY_SECONDS", 0.01)


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    ended: list[str] = []
    task = asyncio.create_task(_stubborn(ended, "one"))
    await asyncio.sleep(0)
    await cancel(task)
    assert ended == ["one"]


async def test_a_caller_that_is_cancelled_while_it_cancels_leaves_no_task_running() -> None:
    ended: list[str] = []
    both = asyncio.create_task(first(_stubborn(ended, "one"), _stubborn(ended, "other")))
    await asyncio.sleep(0.01)
    for _ in range(2):
        both.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await both
    assert sorted(ended) == ["one", "other"]
