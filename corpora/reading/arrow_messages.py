"""Messages of an Arrow IPC file or stream: their kinds, rows, and the memory that decoding them requires.

Arrow allocates what the buffers of a message declare, and a compressed buffer of some kilobytes may declare gigabytes.
The declarations are therefore read first. Message headers are Flatbuffers (apache/arrow, format/Message.fbs and
File.fbs; docs/source/format/Columnar.rst, "IPC Streaming Format"; google/flatbuffers, docs/source/internals.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

SCHEMA, DICTIONARY, BATCH = 1, 2, 3
FILE_MAGIC = b"ARROW1"
CONTINUATION = b"\xff\xff\xff\xff"
END = CONTINUATION + bytes(4)


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    kind     SCHEMA, DICTIONARY or BATCH; other kinds have no effect on rows
    rows     number of rows of a batch, of values of a dictionary
    head     the message without its body, as it is stored
    offset   offset of the body in the file
    size     bytes of the body
    buffers  (offset, length) of the compressed buffers in the body; empty if the body is not compressed
    """

    kind: int
    rows: int
    head: bytes
    offset: int
    size: int
    buffers: tuple[tuple[int, int], ...]

    def decoded(self, body: bytes) -> int:
        """Return the bytes of the buffers after decompression. Raises ValueError if a buffer lies outside the body."""
        total = len(body)
        for offset, length in self.buffers:
            if not 0 <= offset <= offset + length <= len(body):
                raise ValueError("a buffer lies outside its message")
            if length >= 8:  # a buffer begins with its length after decompression, -1 if it is not compressed
                total += max(0, int.from_bytes(body[offset : offset + 8], "little", signed=True))
        return total


def stream_messages(raw: IO[bytes], size: int) -> Iterator[Message]:
    """Yield the messages of a stream, without their bodies. The first one is the schema.

    raw   the open file; the caller may move its position
    size  bytes of the file

    Raises EOFError if the file ends before its end marker, ValueError if a message is damaged or if the file has
    bytes after its end marker.
    """
    offset = 0
    while (message := _message(raw, offset, size)) is not None:
        yield message
        offset = message.offset + message.size
    if offset + len(END) < size:
        raise ValueError("it has bytes after its end")


def file_messages(raw: IO[bytes], size: int, footer: bytes) -> Iterator[Message]:
    """Yield the dictionaries and the batches that the footer of a file lists, without their bodies.

    The stream of messages between the magic numbers is not followed: polars writes a schema there that has no length.
    Parameters and errors are those of `stream_messages`.
    """
    for offset in _blocks(footer):
        message = _message(raw, offset, size)
        if message is None:
            raise ValueError("its footer lists a batch that is not there")
        yield message


def read_footer(raw: IO[bytes], size: int) -> bytes:
    """Return the footer of a file, with its length and the magic number. Raises EOFError, ValueError."""
    raw.seek(max(0, size - 10))
    tail = raw.read(10)
    if len(tail) < 10 or tail[4:] != FILE_MAGIC:
        raise EOFError("truncated")
    length = int.from_bytes(tail[:4], "little", signed=True)
    if not 0 < length <= size - 18:
        raise ValueError("its footer is longer than the file")
    raw.seek(size - 10 - length)
    return raw.read(length) + tail


def _message(raw: IO[bytes], offset: int, end: int) -> Message | None:
    """Read the message at `offset`. Returns None for the end marker."""
    if not 0 <= offset <= end:
        raise ValueError("a message lies outside the file")
    raw.seek(offset)
    prefix = raw.read(8)
    if prefix == bytes(4):
        return None
    if len(prefix) < 8:
        raise EOFError("truncated")
    old = not prefix.startswith(CONTINUATION)  # before Arrow 0.15 a message began with its length
    skipped = 4 if old else 8
    length = int.from_bytes(prefix[:4] if old else prefix[4:], "little", signed=True)
    if not length:
        return None
    if length < 0 or offset + skipped + length > end:
        raise EOFError("truncated") if length > 0 else ValueError("a message has no length")
    raw.seek(offset)
    head = raw.read(skipped + length)
    if len(head) < skipped + length:
        raise EOFError("truncated")
    try:
        return _parsed(head, skipped, offset + len(head), end)
    except (struct.error, IndexError):
        raise ValueError("a message header is damaged") from None


def _parsed(head: bytes, skipped: int, body: int, end: int) -> Message:
    data = head[skipped:]
    root = _Table(data, _number("I", data, 0))
    kind, size = root.number(1, "B"), root.number(3, "q")
    if size < 0:
        raise ValueError("a message has no length")
    if body + size > end:
        raise EOFError("truncated")
    rows = 0
    buffers: tuple[tuple[int, int], ...] = ()
    if kind in (DICTIONARY, BATCH):
        batch = root.table(2)
        batch = batch.table(1) if kind == DICTIONARY else batch
        rows = batch.number(0, "q")
        if rows < 0:
            raise ValueError("a message has a negative number of rows")
        if batch.has(3):
            start, count = batch.vector(2, 16)
            buffers = tuple(_pair(data, start + 16 * index) for index in range(count))
    return Message(kind, rows, head, body, size, buffers)


def _blocks(footer: bytes) -> list[int]:
    """Return the offsets of the messages that a footer lists: dictionaries, then batches."""
    offsets = []
    try:
        root = _Table(footer, _number("I", footer, 0))
        for field in (2, 3):
            if root.has(field):
                start, count = root.vector(field, 24)
                offsets += [_number("q", footer, start + 24 * index) for index in range(count)]
    except (struct.error, IndexError):
        raise ValueError("its footer is damaged") from None
    return offsets


def _number(kind: str, data: bytes, position: int) -> int:
    if position < 0:
        raise IndexError
    number: int = struct.unpack_from(f"<{kind}", data, position)[0]
    return number


def _pair(data: bytes, position: int) -> tuple[int, int]:
    first, second = struct.unpack_from("<qq", data, position)
    return first, second


class _Table:
    """A Flatbuffers table: its fields by number."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position
        self._fields = position - _number("i", data, position)
        self._size = _number("H", data, self._fields)

    def _field(self, field: int) -> int:
        """Return the position of a field, 0 if it is absent."""
        if 4 + 2 * field >= self._size:
            return 0
        offset = _number("H", self._data, self._fields + 4 + 2 * field)
        return self._position + offset if offset else 0

    def has(self, field: int) -> bool:
        return bool(self._field(field))

    def number(self, field: int, kind: str) -> int:
        """Return a number of the given struct format, 0 if it is absent."""
        position = self._field(field)
        return _number(kind, self._data, position) if position else 0

    def table(self, field: int) -> _Table:
        position = self._target(field)
        return _Table(self._data, position)

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return the position and the number of the elements of a vector whose elements have `width` bytes."""
        position = self._target(field)
        count = _number("I", self._data, position)
        if position + 4 + width * count > len(self._data):
            raise IndexError
        return position + 4, count

    def _target(self, field: int) -> int:
        position = self._field(field)
        if not position:
            raise IndexError
        return position + _number("I", self._data, position)
