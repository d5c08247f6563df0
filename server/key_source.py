"""The source of a key set: a URL, which is fetched, or a file."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx

from auth.key_sets import KeySet, usable_keys
from errors import StartupError

_MAX_BYTES: Final = 262_144


def key_set(source: str, *, seconds: float, on_read: Callable[[bool], None]) -> KeySet:
    """The key set of a URL or a file; raises `StartupError` if the file can't be read.

    Each read may take `seconds`, and is followed by a call of `on_read` with whether it succeeded.
    A URL is not fetched yet: its server may be away when this one starts.
    """
    try:
        if source.startswith(("http://", "https://")):
            return KeySet(_fetched(httpx.URL(source)), seconds=seconds, on_read=on_read)
        file = Path(source)
        keys = usable_keys(file.read_bytes())
    except (OSError, ValueError, RecursionError, httpx.InvalidURL) as error:
        raise StartupError(
            f"HEADCOUNT_JWT_JWKS: {source} can't be read as a key set ({error}); "
            "give the URL or the file of a JSON Web Key Set."
        ) from error

    async def read() -> bytes:
        return await asyncio.to_thread(file.read_bytes)

    return KeySet(read, keys=keys, seconds=seconds, on_read=on_read)


def _fetched(url: httpx.URL) -> Callable[[], Awaitable[bytes]]:
    # The system's certificates, read once: that takes 20 ms.
    certificates = ssl.create_default_context()

    async def read() -> bytes:
        content = bytearray()
        # The caller limits the whole read; redirects are not followed.
        async with (
            httpx.AsyncClient(verify=certificates, timeout=None) as client,  # noqa: S113
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"its server answers with status {response.status_code}")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_BYTES:
                    raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        return bytes(content)

    return read
