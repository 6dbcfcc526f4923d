"""Records of what was read of an input file: byte ranges and the sha256 of their bytes, computed while reading.

A part may read only a slice of a file. The hash is therefore that of ranges, in the order in which they were read. If
a file was read from its first byte to its last, the ranges are [[0, size]] and the hash is that of the file.
`reads_digest` computes the hash again, to compare the present file with what was read.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import IO, Any

CHUNK = 1 << 20


class Reads:
    """Ranges [start, stop) that were read, with adjacent ranges joined, and the hash of their bytes."""

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []
        self._hash = hashlib.sha256()

    def add(self, offset: int, data: Any) -> None:
        """Record `data` (bytes-like), which was read at byte `offset`."""
        size = memoryview(data).nbytes
        if not size:
            return
        self._hash.update(data)
        if self.ranges and self.ranges[-1][1] == offset:
            self.ranges[-1][1] += size
        else:
            self.ranges.append([offset, offset + size])

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def reads_digest(raw: IO[bytes], ranges: Sequence[Sequence[int]]) -> str:
    """Return the sha256 of ranges [start, stop) of a file, as `Reads` computes it.

    Bytes beyond the end of the file are ignored.
    """
    digest = hashlib.sha256()
    for first, stop in ranges:
        raw.seek(first)
        while first < stop and (data := raw.read(min(CHUNK, stop - first))):
            digest.update(data)
            first += len(data)
    return digest.hexdigest()


class Recorded(io.RawIOBase):
    """A file open for reading. Every byte that is read is recorded in `reads`."""

    def __init__(self, raw: IO[bytes], reads: Reads) -> None:
        self._raw, self._reads = raw, reads

    def read(self, size: int = -1) -> bytes:
        offset = self._raw.tell()
        data = self._raw.read(size)
        self._reads.add(offset, data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
