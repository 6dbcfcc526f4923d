"""Decompressed bytes and lines of a file, in UTF-8.

The kind of a file (`corpora.reading.kinds`) determines how it is opened. Archives are not extracted to disk. A tar
archive is refused, compressed or not.

Decompression is strict. Arrow's decompressors raise on a truncated frame, a failed checksum and extra bytes after the
end (tests/corpora/reading/test_streams.py truncates and flips every format). datatrove 0.10.1 uses python-zstandard,
which reads a truncated .zst as a shorter file. A flipped bit in a frame without a checksum is not detected if the
frame still decodes.
"""

from __future__ import annotations

import contextlib
import lzma
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, NoReturn

from corpora.errors import BadInput
from corpora.reading.encodings import Transcoder
from corpora.reading.files import File, open_raw
from corpora.reading.kinds import Kind, zip_contents

CHUNK = 1 << 20
LONGEST_LINE = 256 << 20
"""Maximum bytes of a line. A longer line is dropped without being held in memory."""

# Text compresses less than 20-fold; only artificial data reaches 200.
BOMB_RATIO, BOMB_FLOOR = 200, 64 << 20
"""Maximum ratio of decompressed to compressed bytes, applied above BOMB_FLOOR decompressed bytes."""

_TAR, _TAR_OFFSET = b"ustar", 257


def is_splittable(kind: Kind) -> bool:
    """Return False if the file must be read from its beginning: it is compressed or not in UTF-8."""
    return not (kind.compression or kind.container == "zip" or kind.encoding)


class Stream:
    """Sequential reader of the decompressed bytes of a file. Every fault raises BadInput with a byte offset."""

    def __init__(self, file: File, kind: Kind) -> None:
        self._file = file
        self._raw = open_raw(file)
        self._compressed = not is_splittable(kind)
        self._position = 0
        self._inflated_bytes = 0
        self._ahead = b""  # bytes that `peek` has read
        try:
            with self._errors():
                self._inflated = _inflate(file, self._raw, kind)
                if kind.encoding:
                    self._inflated = Transcoder(self._inflated, kind.encoding)
        except BadInput:
            self._raw.close()
            raise

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._inflated is not self._raw:
            with contextlib.suppress(OSError):  # closing a decompressor before its end may raise
                self._inflated.close()
        self._raw.close()

    def tell(self) -> int:
        """Return the number of decompressed bytes read so far."""
        return self._position

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, or all that there are, without advancing. Errors are those of `read`."""
        while len(self._ahead) < size and (data := self._inflate(size)):
            self._ahead += data
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, or b"" at the end of a complete file.

        Raises BadInput if the file is truncated, damaged, a tar archive or expands too much.
        """
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        data = data or self._inflate(size)
        self._position += len(data)
        return data

    def _inflate(self, size: int) -> bytes:
        with self._errors():
            data: bytes = self._inflated.read(size)
        if not self._inflated_bytes and data[_TAR_OFFSET:].startswith(_TAR):
            raise BadInput(self._file.path, "is a tar archive", mend="unpack it and name the files")
        self._inflated_bytes += len(data)
        if self._compressed and self._inflated_bytes > max(BOMB_FLOOR, BOMB_RATIO * self._file.size):
            raise BadInput(
                self._file.path,
                f"expands more than {BOMB_RATIO}-fold, unlike any text",
                mend="if it is valid, decompress it first",
            )
        return data

    def skip(self, offset: int) -> None:
        """Advance to decompressed byte `offset`, or to the end of a shorter file."""
        if not self._compressed:
            self._raw.seek(offset)
            self._position = self._inflated_bytes = offset
            self._ahead = b""
        while self._position < offset and self.read(min(CHUNK, offset - self._position)):
            pass

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            refuse(self._file, error, self._raw.tell())


def refuse(file: File, error: Exception, offset: int) -> NoReturn:
    """Raise BadInput for an error of a decompressor or parser at byte `offset` of the file."""
    truncated = isinstance(error, EOFError) or "truncated" in str(error).lower()
    reason = "ends in the middle (truncated)" if truncated else f"is damaged ({error})"
    raise BadInput(file.path, reason, place=f"byte {offset}", mend="fetch it again") from error


def _inflate(file: File, raw: IO[bytes], kind: Kind) -> Any:
    if kind.container == "zip":
        return _only_member(file, raw)
    if kind.compression == "xz":
        return _Xz(raw)
    if kind.compression:
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), kind.compression)
    return raw


class _Xz:
    """Reader of concatenated xz streams. It raises on extra bytes after a stream; lzma.LZMAFile ignores them."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)

    def read(self, size: int) -> bytes:
        data = b""
        while not data:
            if self._stream.eof:
                following = self._stream.unused_data.lstrip(b"\0")  # zeros may pad a stream
                while not following:
                    chunk = self._raw.read(CHUNK)
                    if not chunk:
                        return b""
                    following = chunk.lstrip(b"\0")
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
                data = self._stream.decompress(following, size)
            elif self._stream.needs_input:
                chunk = self._raw.read(1 << 16)
                if not chunk:
                    raise EOFError
                data = self._stream.decompress(chunk, size)
            else:
                data = self._stream.decompress(b"", size)
        return data

    def close(self) -> None:
        self._raw.close()


def _only_member(file: File, raw: IO[bytes]) -> IO[bytes]:
    """Open the only file of a zip archive. Unsafe paths and special files are refused, though nothing is extracted."""
    archive = zipfile.ZipFile(raw)
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) != 1:
        if known := zip_contents([info.filename for info in members]):
            raise BadInput(file.path, f"is {known}", mend="extract its text first")
        raise BadInput(file.path, f"holds {len(members)} files, not one", mend="unpack it and name the files")
    name = PurePosixPath(members[0].filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise BadInput(file.path, f"{members[0].filename} in it has a path outside it", mend="unpack it by hand")
    if (members[0].external_attr >> 16) & 0o170000 not in (0, 0o100000):
        raise BadInput(file.path, f"{members[0].filename} in it is a link or a device", mend="unpack it by hand")
    return archive.open(members[0])


# -- lines ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a decompressed file.

    offset  byte offset of its beginning
    size    bytes, with the line end
    data    bytes without the line end; None if the line is too long
    """

    offset: int
    size: int
    data: bytes | None


def stream_lines(
    stream: Stream, start: int = 0, stop: int | None = None, longest: int = LONGEST_LINE
) -> Iterator[Line]:
    """Yield the lines that begin at a byte in [start, stop).

    stream       an unread stream
    start, stop  offsets in the decompressed bytes; None: to the end
    longest      maximum bytes of a line

    Only `\\n` ends a line; a `\\r` before it is removed. Raises BadInput if the stream can't be read.
    """
    if start:
        stream.skip(start - 1)
    offset = stream.tell()
    pieces: list[bytes] = []
    size = 0
    partial = start > 0  # a line that contains byte `start - 1` belongs to the previous slice
    while True:
        chunk = stream.read(CHUNK)
        split = chunk.split(b"\n") if chunk else [b"", b""] if size else []
        for piece in split[:-1]:
            whole = size + len(piece) + 1
            if not partial:
                if stop is not None and offset >= stop:
                    return
                data = b"".join((*pieces, piece)) if whole <= longest else None
                yield Line(offset, whole, data.removesuffix(b"\r") if data is not None else None)
            offset += whole
            pieces, size, partial = [], 0, False
        if not chunk or (partial and stop is not None and stream.tell() > stop):
            return  # at the end, or in a line that began before `start` and ends after `stop`
        size += len(split[-1])
        if partial or size > longest:
            pieces = []
        elif split[-1]:
            pieces.append(split[-1])


def decode(lines: Iterable[bytes]) -> tuple[str, int]:
    """Decode lines and join them with newlines.

    Returns the text of the lines that are UTF-8, and the number of bytes of the other lines with their line ends.
    """
    lost = 0
    good = []
    for line in lines:
        try:
            good.append(line.decode())
        except UnicodeDecodeError:
            lost += len(line) + 1
    return "\n".join(good), lost
