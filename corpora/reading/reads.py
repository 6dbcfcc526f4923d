"""What was read of an input: byte ranges of the file and the sha256 of their bytes, taken in the pass that reads them.

A part may read a slice of a file only, so the hash is one of ranges, in the order in which they were read. The ranges
of a file that was read from its first byte to its last are [[0, size]], and the hash is that of the file. `digest_of`
takes the same hash again, to compare what lies there now with what was read then.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import IO, Any

CHUNK = 1 << 20


class Reads:
    """Ranges that were read, consecutive ones joined, and the hash of their bytes."""

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []
        self._hash = hashlib.sha256()

    def add(self, offset: int, data: Any) -> None:
        """Count `data` (bytes-like), read at byte `offset`."""
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
    """The hash that `Reads` has of these ranges of a file; of what is there, if the file is shorter now."""
    digest = hashlib.sha256()
    for first, stop in ranges:
        raw.seek(first)
        while first < stop and (data := raw.read(min(CHUNK, stop - first))):
            digest.update(data)
            first += len(data)
    return digest.hexdigest()


class Recorded(io.RawIOBase):
    """A file open for reading whose bytes are counted in `reads` as they pass."""

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
