"""File formats: splitting a file into slices for parallel tasks, and reading the records of a slice.

A slice is a range [start, stop) of a file: of rows in a Parquet file, of bytes in a stream. A record belongs to the
slice that contains its first byte. A compressed stream is one slice, since reading its middle requires decompressing
everything before it (docs/decisions/0012-compressed-files-are-read-by-one-task.md). The boundaries depend only on the
file and on SLICE.

A record that can't be read is returned as `Lost`, with the reason. A file that can't be read raises BadInput.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File
from corpora.reading.kinds import Kind
from corpora.reading.streams import LONGEST_LINE, Line, Stream, decode, is_splittable, stream_lines

SLICE = 32 << 20
"""Target size of a slice in bytes of text. A slice has at most twice this size, unless a single record is larger or
the file is compressed."""

END = 1 << 62
"""`stop` of a slice of a compressed stream, whose length is unknown before it is read."""

EXPANSION = 4
"""Estimated bytes of text per byte of a compressed file."""

LONGEST_FILE = 1 << 30
"""Maximum bytes of a text file that is read as one document or as one JSON value."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A range [start, stop) of a file.

    start, stop  row numbers of a Parquet file, else offsets in the decompressed bytes
    bytes        estimated bytes of text
    """

    file: File
    kind: Kind
    start: int
    stop: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the slice for a plan, without the path of its file."""
        return {"name": self.file.name, "size": self.file.size, "start": self.start, "stop": self.stop}


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a file.

    key    row number or byte offset
    value  a dict of fields, or a text
    lost   bytes of the record that were not UTF-8 and were removed
    text   the text in `value` whose number of bytes is `size`, if the format provides it
    size   bytes of `text`
    """

    key: int
    value: Any
    lost: int = 0
    text: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that can't be read.

    key     row number or byte offset
    reason  reason for which the record is dropped
    size    bytes of the record
    """

    key: int
    reason: str
    size: int


class Format(abc.ABC):
    """A file format.

    containers   containers in which the format is stored (`Kind.container`)
    description  name of the format in messages
    """

    containers: frozenset[str] = frozenset({"stream", "zip"})
    description: str

    @abc.abstractmethod
    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        """Yield the slices of a file in order. Raises BadInput if the file can't be read."""

    @abc.abstractmethod
    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        """Yield the records of a slice in order. Raises BadInput if the file can't be read."""


def even_ranges(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Split range(total), which has `size` bytes, into the fewest equal ranges of at most SLICE bytes.

    Yields (start, stop) of each range. A range has at least one element, and may then have more than SLICE bytes.
    """
    parts = min(max(1, -(-size // SLICE)), max(1, total))
    for part in range(parts):
        yield total * part // parts, total * (part + 1) // parts


class Whole(Format):
    """A file that is one text."""

    description = "text"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield whole_slice(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        yield Record(0, *text_of(read_whole(part)))


def whole_slice(file: File, kind: Kind) -> Slice:
    """Return a slice that covers the whole file."""
    if not is_splittable(kind):
        expansion = EXPANSION if kind.compression or kind.container == "zip" else 1
        return Slice(file, kind, 0, END, expansion * file.size)
    return Slice(file, kind, 0, file.size, file.size)


def read_whole(part: Slice) -> bytes:
    """Return the decompressed bytes of a whole file.

    Raises BadInput if the file can't be read or has more than LONGEST_FILE bytes.
    """
    pieces = []
    with Stream(part.file, part.kind) as stream:
        while piece := stream.read(1 << 20):
            if stream.tell() > LONGEST_FILE:
                reason = f"is over {LONGEST_FILE >> 30} GiB, too long for one text"
                raise BadInput(part.file.path, reason, mend="split it into several files")
            pieces.append(piece)
    return b"".join(pieces)


def text_of(data: bytes) -> tuple[str, int]:
    """Decode a whole file, without its byte order mark and without the lines that are not UTF-8.

    Returns the text and the number of bytes that were removed.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode(), 0
    except UnicodeDecodeError:
        return decode(data.split(b"\n"))


class Lines(Format):
    """A file in which every line is a text. Subclasses override `parse` or `records` for other records of lines."""

    description = "lines of text"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        if not is_splittable(kind):
            yield whole_slice(file, kind)
            return
        for start, stop in even_ranges(file.size, file.size):
            yield Slice(file, kind, start, stop, stop - start)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        with Stream(part.file, part.kind) as stream:
            yield from self.records(stream, part.start, part.stop)

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        """Yield the records that begin in bytes [start, stop)."""
        for line in stream_lines(stream, start, stop):
            if line.data is None or line.data.strip():
                yield self.record(line)

    def record(self, line: Line) -> Record | Lost:
        """Return a line as a record."""
        if line.data is None:
            return Lost(line.offset, f"line over {LONGEST_LINE >> 20} MiB", line.size)
        data = line.data if line.offset else line.data.removeprefix(b"\xef\xbb\xbf")
        try:
            return Record(line.offset, self.parse(data))
        except UnicodeDecodeError:
            return Lost(line.offset, "invalid UTF-8", line.size)
        except UnicodeEncodeError:
            return Lost(line.offset, "lone surrogate", line.size)
        except json.JSONDecodeError:
            return Lost(line.offset, "not JSON", line.size)

    def parse(self, data: bytes) -> Any:
        """Return the value of a line.

        Raises UnicodeDecodeError if the line is not UTF-8, UnicodeEncodeError if the value has lone surrogates,
        JSONDecodeError if it is not JSON.
        """
        return data.decode()


class Blocks(Lines):
    """A file in which every run of lines between separators is a text.

    separator  content of a separator line, without its line end
    """

    description = "blocks of lines"

    def __init__(self, separator: bytes = b"") -> None:
        self.separator = separator

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        # A block begins after a separator and its line end ("\n" or "\r\n"). Reading begins early enough to see a
        # separator just before `start`. Lines before the first separator belong to a block that began earlier.
        first = max(0, start - len(self.separator) - 2)
        inside = first > 0
        block: list[Line] = []
        for line in stream_lines(stream, first):
            if line.data == self.separator:
                if block:
                    yield self.block(block)
                block, inside = [], False
            elif block:
                block.append(line)
            elif not inside:
                if line.offset >= stop:
                    return
                inside = line.offset < start
                if not inside:
                    block = [line]
            if not block and line.offset >= stop:
                return
        if block:
            yield self.block(block)

    def block(self, block: list[Line]) -> Record | Lost:
        """Return a run of lines as one record."""
        size = sum(line.size for line in block)
        if any(line.data is None for line in block):
            return Lost(block[0].offset, f"line over {LONGEST_LINE >> 20} MiB", size)
        text, lost = decode(line.data for line in block if line.data is not None)
        return Record(block[0].offset, text.removeprefix("\ufeff"), lost)
