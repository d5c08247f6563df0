"""Reading ahead: the next batches are read while earlier ones are written."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, TypeVar

from cancelling import cancel

_Batch = TypeVar("_Batch")

_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


async def read_ahead(batches: AsyncGenerator[_Batch]) -> AsyncGenerator[_Batch]:
    """The same batches, of which up to 4 are read ahead; closing it closes them.

    Other tasks get their turn between two batches.
    """
    queue: asyncio.Queue[_Batch | _Failed | None] = asyncio.Queue(_DEPTH)

    async def read() -> None:
        try:
            async for batch in batches:
                await queue.put(batch)
        except Exception as error:
            await queue.put(_Failed(error))
        else:
            await queue.put(None)

    reading = asyncio.create_task(read())
    try:
        while (batch := await queue.get()) is not None:
            if isinstance(batch, _Failed):
                raise batch.error
            yield batch
            await asyncio.sleep(0)
    finally:
        await cancel(reading)
        await batches.aclose()
