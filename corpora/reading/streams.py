"""The bytes of a file, decompressed, and its lines: opened by what the file is, not by what it is called.

The first bytes decide the container (Parquet, zip, Access, others that nothing here reads, or a stream of bytes) and
the compression (gzip, zstd, xz, bzip2). Nothing is unpacked to a path; a tar archive, compressed or not, is refused.
Decompression is strict. datatrove 0.10.1 reads through python-zstandard, which takes a truncated .zst for a shorter
one; Arrow's decompressors, used here, raise on a cut frame, a failed checksum and foreign bytes after the end (tried
with every format cut and flipped: tests/corpora/test_streams.py). What no reader can see: a flip inside a frame that
carries no checksum, if it still decodes.
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
from corpora.reading.files import File, open_raw

CHUNK = 1 << 20
LONGEST_LINE = 256 << 20
"""Bytes; a longer line costs that line and no memory."""

# Text compresses less than 20-fold; only made-up bytes reach 200.
BOMB_RATIO, BOMB_FLOOR = 200, 64 << 20

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2"}
_CONTAINERS = {b"PAR1": "parquet", b"PK\x03\x04": "zip", b"\x00\x01\x00\x00Standard": "access"}
# What would otherwise pass for text with a few bad lines.
_CONTAINERS |= {
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"%PDF-": "PDF",
    b"SQLite format 3\0": "SQLite",
}
_TAR, _TAR_AT = b"ustar", 257


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is: container "parquet", "zip", "access", "stream", or one that nothing here reads; compression ""
    unless a stream has one."""

    container: str
    compression: str = ""


def is_compressed(kind: Kind) -> bool:
    """Whether its bytes have to be decompressed, from the beginning."""
    return bool(kind.compression) or kind.container == "zip"


def sniff(file: File) -> Kind:
    """What a file is, by its first bytes. Raises BadInput if it is empty."""
    with open_raw(file) as raw:
        head = raw.read(16)
    if not head:
        raise BadInput(file.path, "is empty", mend="fetch it again or leave it out")
    for magic, container in _CONTAINERS.items():
        if head.startswith(magic):
            return Kind(container)
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return Kind("stream", compression)
    # A zstd stream may begin with a skippable frame: magic 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2).
    if head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return Kind("stream", "zstd")
    return Kind("stream")


class Stream:
    """Decompressed bytes of a file, in order. Every fault is a BadInput with the file and the byte it showed at."""

    def __init__(self, file: File, kind: Kind) -> None:
        self._file = file
        self._raw = open_raw(file)
        self._compressed = is_compressed(kind)
        self._position = 0
        try:
            with self._errors():
                self._inflated = _inflate(file, self._raw, kind)
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
            with contextlib.suppress(OSError):  # closing half-read decompressors may complain of what was not read
                self._inflated.close()
        self._raw.close()

    def tell(self) -> int:
        """Bytes given so far, as decompressed."""
        return self._position

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end, which is only reached if the file is whole."""
        with self._errors():
            data: bytes = self._inflated.read(size)
        if not self._position and data[_TAR_AT:].startswith(_TAR):
            raise BadInput(self._file.path, "is a tar archive", mend="unpack it and name the files")
        self._position += len(data)
        if self._compressed and self._position > max(BOMB_FLOOR, BOMB_RATIO * self._file.size):
            raise BadInput(
                self._file.path,
                f"expands more than {BOMB_RATIO}-fold, as no text does",
                mend="if it is sound, decompress it first",
            )
        return data

    def skip(self, offset: int) -> None:
        """Go forward to decompressed byte `offset`."""
        if not self._compressed:
            self._raw.seek(offset)
            self._position = offset
        while self._position < offset and self.read(min(CHUNK, offset - self._position)):
            pass

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            refuse(self._file, error, self._raw.tell())


def refuse(file: File, error: Exception, offset: int) -> NoReturn:
    """Raise BadInput for a fault that a decompressor or parser found at byte `offset` of the file."""
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    reason = "ends in the middle (truncated)" if cut else f"is damaged ({error})"
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
    """xz streams one after the other. lzma.LZMAFile takes whatever follows a stream and can't be read for its end."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)

    def read(self, size: int) -> bytes:
        data = b""
        while not data:
            if self._stream.eof:
                following = self._stream.unused_data.lstrip(b"\0")  # streams are padded with zeros
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
    """The one file in a zip. Nothing is extracted to a path, and yet what looks like an attack is refused."""
    archive = zipfile.ZipFile(raw)
    members = [info for info in archive.infolist() if not info.is_dir()]
    if len(members) != 1:
        raise BadInput(file.path, f"holds {len(members)} files, not one", mend="unpack it and name the files")
    name = PurePosixPath(members[0].filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts:
        raise BadInput(file.path, f"{members[0].filename} in it leads out of it", mend="unpack it by hand")
    if (members[0].external_attr >> 16) & 0o170000 not in (0, 0o100000):
        raise BadInput(file.path, f"{members[0].filename} in it is a link or a device", mend="unpack it by hand")
    return archive.open(members[0])


# -- lines ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line: byte offset of its beginning in the decompressed file, size with its newline, and its bytes without;
    `data` is None for a line longer than LONGEST_LINE."""

    offset: int
    size: int
    data: bytes | None


def stream_lines(
    stream: Stream, start: int = 0, stop: int | None = None, longest: int = LONGEST_LINE
) -> Iterator[Line]:
    """Lines that begin at a byte in [start, stop). Only `\\n` ends a line, a `\\r` before it goes with it."""
    if start:
        stream.skip(start - 1)
    offset = stream.tell()
    pieces: list[bytes] = []
    size = 0
    partial = start > 0  # what runs over `start - 1` belongs to the slice before
    while True:
        chunk = stream.read(CHUNK)
        ended = chunk.split(b"\n") if chunk else [b"", b""] if size else []
        for piece in ended[:-1]:
            whole = size + len(piece) + 1
            if not partial:
                if stop is not None and offset >= stop:
                    return
                data = b"".join((*pieces, piece)) if whole <= longest else None
                yield Line(offset, whole, data.removesuffix(b"\r") if data is not None else None)
            offset += whole
            pieces, size, partial = [], 0, False
        if not chunk or (partial and stop is not None and stream.tell() > stop):
            return  # at the end; or in a line that began before `start` and goes on after `stop`
        size += len(ended[-1])
        if partial or size > longest:
            pieces = []
        elif ended[-1]:
            pieces.append(ended[-1])


def decode(lines: Iterable[bytes]) -> tuple[str, int]:
    """Text of the lines that are UTF-8, joined by newlines, and the bytes of those that are not."""
    lost = 0
    good = []
    for line in lines:
        try:
            good.append(line.decode())
        except UnicodeDecodeError:
            lost += len(line) + 1
    return "\n".join(good), lost
