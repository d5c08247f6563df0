"""Reading ahead: the next batch is read while this one is written."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

_Batch = TypeVar("_Batch")


async def ahead(batches: AsyncGenerator[_Batch]) -> AsyncGenerator[_Batch]:
    """The same batches, one of them read ahead; closing it closes them."""

    async def following() -> _Batch | None:
        return await anext(batches, None)

    reading = asyncio.create_task(following())
    try:
        while (batch := await reading) is not None:
            reading = asyncio.create_task(following())
            yield batch
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await batches.aclose()
