"""A zip archive that can be sent while it is written, without a temporary file."""

from datetime import datetime
from typing import IO, Final, Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from isal import isal_zlib

CHUNK: Final = 65_536
"""The number of bytes that are buffered before they are sent."""

MEMBER_MAX: Final = 2_000_000_000
"""Largest uncompressed size of a member, in bytes: from 2 GiB on, many readers fail."""


class _Pipe:
    """A write-only file that buffers its bytes until `take`."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Does nothing; `ZipFile` requires it."""

    def close(self) -> None:
        """Does nothing; `ZipFile` requires it."""

    def take(self) -> bytes:
        chunks, self._chunks, self.size = self._chunks, [], 0
        return b"".join(chunks)


class ZipStream:
    """Members are written one at a time; `take` returns the archive's new bytes.

    Use it as a context manager, so that it is closed after an error too.
    """

    _member: IO[bytes] | None = None

    def __init__(self, modified_at: datetime) -> None:
        self._pipe = _Pipe()
        self._archive = ZipFile(self._pipe, "w")
        self._modified_at = modified_at.timetuple()[:6]

    def open(self, name: str) -> IO[bytes]:
        """Starts a member. Close it before the next `open`."""
        member = ZipInfo(name, self._modified_at)
        member.compress_type = ZIP_DEFLATED
        opened = self._archive.open(member, "w")
        # isal is four times as fast as zlib at the same size.
        compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
        opened._compressor = compressor  # type: ignore[attr-defined]
        self._member = opened
        return opened

    def take(self, least: int = CHUNK) -> bytes:
        """Removes and returns the buffered bytes; none if there are fewer than `least`."""
        return self._pipe.take() if self._pipe.size >= least else b""

    def close(self) -> bytes:
        """Ends the archive, and returns its last bytes."""
        if self._member is not None:
            self._member.close()
        self._archive.close()
        return self._pipe.take()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
