"""What is cancelled has ended afterwards, however often one is cancelled oneself."""

import asyncio
from contextlib import suppress

import pytest

from cancelling import cancel, first


async def _stubborn(ended: list[str], name: str) -> None:
    """Ends when it is cancelled for the second time, as what a driver swallows."""
    try:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
    finally:
        ended.append(name)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cancelling._AGAIN_SECONDS", 0.01)


async def test_what_takes_a_cancellation_for_its_own_is_cancelled_again() -> None:
    ended: list[str] = []
    task = asyncio.create_task(_stubborn(ended, "one"))
    await asyncio.sleep(0)
    await cancel(task)
    assert ended == ["one"]


async def test_who_is_cancelled_while_cancelling_leaves_nothing_running() -> None:
    ended: list[str] = []
    both = asyncio.create_task(first(_stubborn(ended, "one"), _stubborn(ended, "other")))
    await asyncio.sleep(0.01)
    for _ in range(2):
        both.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await both
    assert sorted(ended) == ["one", "other"]
