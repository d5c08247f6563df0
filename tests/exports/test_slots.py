"""The slots of exports: in all, and of one caller."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from errors import TooManyRequests
from exports import slots
from exports.slots import ExportSlots


async def test_a_caller_has_at_most_half_of_the_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "WAIT_SECONDS", 0.01)
    exports = ExportSlots(4)
    async with AsyncExitStack() as stack:
        for caller in ("a", "a", "b", "b"):
            await stack.enter_async_context(exports.held(caller))
        for caller in ("a", "c"):
            with pytest.raises(TooManyRequests):
                await stack.enter_async_context(exports.held(caller))
    async with exports.held("a"), exports.held("a"), exports.held("c"):
        with pytest.raises(TooManyRequests):
            async with exports.held("a"):
                pass


async def test_a_single_slot_is_anybodys() -> None:
    exports = ExportSlots(1)
    for caller in ("a", "b", "a"):
        async with exports.held(caller):
            pass


async def test_an_export_waits_for_a_slot_of_its_caller() -> None:
    exports, order = ExportSlots(2), list[str]()

    async def export(name: str) -> None:
        async with exports.held("a"):
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(f"{name} ended")

    await asyncio.gather(export("first"), export("second"))
    assert order == ["first", "first ended", "second", "second ended"]
