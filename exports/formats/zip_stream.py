"""A zip archive that is read while it is written: no file, and no memory for the whole."""

from datetime import datetime
from typing import IO, Final, Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from isal import isal_zlib

CHUNK: Final = 65_536
"""Bytes that are gathered before they are sent."""

MEMBER_MAX: Final = 2_000_000_000
"""Bytes of a member before compression: beyond 2 GiB it takes extensions that few readers know."""


class _Pipe:
    """What is written, until it is taken."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        chunks, self._chunks, self.size = self._chunks, [], 0
        return b"".join(chunks)


class ZipStream:
    """Members are written one after the other; `take` gives what the archive has gained.

    To be left as a context, where it is whole or not.
    """

    _member: IO[bytes] | None = None

    def __init__(self, modified_at: datetime) -> None:
        self._pipe = _Pipe()
        self._archive = ZipFile(self._pipe, "w")
        self._modified_at = modified_at.timetuple()[:6]

    def open(self, name: str) -> IO[bytes]:
        """A new member, to be written and closed before the next."""
        member = ZipInfo(name, self._modified_at)
        member.compress_type = ZIP_DEFLATED
        opened = self._archive.open(member, "w")
        # Not zlib's, which takes four times as long for the same size.
        compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
        opened._compressor = compressor  # type: ignore[attr-defined]
        self._member = opened
        return opened

    def take(self, least: int = CHUNK) -> bytes:
        """The archive's next bytes, which are forgotten here; nothing while there are fewer."""
        return self._pipe.take() if self._pipe.size >= least else b""

    def close(self) -> bytes:
        """The archive's last bytes."""
        if self._member is not None:
            self._member.close()
        self._archive.close()
        return self._pipe.take()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
