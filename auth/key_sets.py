"""Key sets: public keys cached by `kid`, which one task at a time reads anew."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

import jwt
import structlog

from errors import ServiceUnavailable

_log = structlog.get_logger(__name__)

KEY_SET_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
RSA_BITS: Final = 2048
"""The length of the shortest RSA key that is used."""

READ_SECONDS: Final = 5.0
"""How long one read of a key set may take."""
_AGE_SECONDS: Final = 300.0
"""How old a key set gets before it is read anew."""
_PAUSE_SECONDS: Final = 10.0
"""The shortest time between the starts of two reads."""
_FIRST_PAUSE_SECONDS: Final = 1.0
"""The same, as long as no read has succeeded."""

Keys = Mapping[str | None, Sequence[jwt.PyJWK]]
"""`kid` → the keys that have it. Keys without one are at None."""


class KeySet:
    """The public keys of an issuer.

    A caller whose `kid` is cached never waits. For an unknown `kid` the set is read at once, unless
    a read began less than 10 s ago. The last set that was read stays in use while reads fail.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]],
        *,
        keys: Keys | None = None,
        seconds: float = READ_SECONDS,
        on_read: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`read` gets a JSON Web Key Set, of which `keys` are read already.

        A read may take `seconds`. `on_read` is called after each, with whether it succeeded.
        """
        self._read = read
        self._keys: Keys = keys or {}
        self._seconds = seconds
        self._on_read = on_read
        self._started = -_PAUSE_SECONDS if keys is None else time.monotonic()
        self._failed = False
        self._reading: asyncio.Task[bool] | None = None

    async def keys(self, kid: str | None) -> Sequence[jwt.PyJWK]:
        """The keys with this `kid`, at least one.

        Raises `jwt.InvalidKeyError` if there is none, and `ServiceUnavailable` if it is unknown,
        because the set can't be read.
        """
        if kid not in self._keys and self._may_read():
            await self.refresh()
        if found := self._keys.get(kid):
            return found
        if self._failed:
            raise ServiceUnavailable("The key set can't be fetched: retry in 5 s.")
        raise jwt.InvalidKeyError("no key has this id")

    def _may_read(self) -> bool:
        pause = _PAUSE_SECONDS if self._keys else _FIRST_PAUSE_SECONDS
        return self._is_reading() or time.monotonic() - self._started >= pause

    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def refresh(self) -> bool:
        """Reads the set anew, or joins the read that runs; returns whether it succeeded."""
        if self._reading is None or self._reading.done():
            self._started = time.monotonic()
            self._reading = asyncio.create_task(self._replace_keys())
        # A caller that is cancelled must not cancel the read of the others.
        return await asyncio.shield(self._reading)

    async def keep_fresh(self) -> NoReturn:
        """Reads the set now and every 300 s, or 10 s after a failure, until it is cancelled."""
        try:
            while True:
                succeeded = await self.refresh()
                await asyncio.sleep(_AGE_SECONDS if succeeded else _PAUSE_SECONDS)
        finally:
            if self._reading is not None:
                self._reading.cancel()

    async def _replace_keys(self) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._read()
                # In a thread: a set of hundreds of keys would block the event loop.
                self._keys = await asyncio.to_thread(usable_keys, content)
            self._failed = False
        except Exception as error:
            # The last key set stays in use after any error.
            self._failed = True
            is_late = isinstance(error, TimeoutError)
            reason = f"no answer within {self._seconds:g} s" if is_late else str(error)
            _log.warning(
                "the key set can't be fetched",
                reason=reason or type(error).__name__,
                cached_keys=sum(map(len, self._keys.values())),
            )
        self._on_read(not self._failed)
        return not self._failed


def usable_keys(content: bytes) -> Keys:
    """The keys of a JSON Web Key Set that verify tokens; raises `ValueError` if there is none.

    A key is left out if it is for encryption, for another algorithm or malformed, and, with a
    warning in the log, if it is an RSA key of less than 2,048 bits.
    """
    found = json.loads(content)
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError('a key set is a JSON object with a list "keys"')
    keys = defaultdict[str | None, list[jwt.PyJWK]](list)
    for each in listed:
        if (key := _usable(each)) is not None:
            keys[key.key_id].append(key)
    if not keys:
        raise ValueError(f"it has no key for {', '.join(KEY_SET_ALGORITHMS)}")
    return dict(keys)


def _usable(entry: Any) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
        return None
    if key.algorithm_name not in KEY_SET_ALGORITHMS or key.public_key_use not in ("sig", None):
        return None
    if not isinstance(key.key_id, str | None):
        return None
    if key.algorithm_name == "RS256" and key.key.key_size < RSA_BITS:
        _log.warning(
            f"a key of the key set is not used: RSA keys must have at least {RSA_BITS} bits",
            kid=key.key_id,
            bits=key.key.key_size,
        )
        return None
    return key
