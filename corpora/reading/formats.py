"""File formats: splitting a file into slices for parallel tasks, and reading the records of a slice.

A slice is a range [start, stop) of a file: of rows in a Parquet file, of bytes in a stream. A record belongs to the
slice that contains its first byte. A compressed stream is one slice, since reading its middle requires decompressing
everything before it (docs/decisions/0012-compressed-files-are-read-by-one-task.md). The boundaries depend only on the
file and on SLICE.

A record that can't be read is returned as `Lost`, with the reason. A file that can't be read raises BadInput.
"""

from __future__ import annotations

import abc
import csv
import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File
from corpora.reading.streams import LONGEST_LINE, Kind, Line, Stream, decode, is_compressed, stream_lines

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

    containers: frozenset[str] = frozenset({"stream"})
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
    if is_compressed(kind):
        return Slice(file, kind, 0, END, EXPANSION * file.size)
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
        if is_compressed(kind):
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


SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""JSON escape of a surrogate: half of a character, or a lone surrogate."""


def json_value(data: bytes | str) -> Any:
    """Parse a JSON value with Python's parser. NaN and infinite numbers become None.

    Raises UnicodeDecodeError if the data is not UTF-8, JSONDecodeError if it is not JSON, is nested too deeply or has
    a number with too many digits.
    """
    try:
        return json.loads(data, parse_constant=lambda _: None, parse_float=_finite)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError):
        raise json.JSONDecodeError("nested too deeply, or a number too long", "", 0) from None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


class JsonLines(Lines):
    """A file in which every line is a JSON value."""

    description = "JSON lines"

    def parse(self, data: bytes) -> Any:
        import orjson

        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            value = json_value(data.decode())  # slower, and accepts more
            json.dumps(value, ensure_ascii=False).encode()
            return value


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


class JsonArray(Format):
    """A JSON file with an array of records.

    key  key of the array in the top-level object; "" if the array is the top-level value
    """

    containers = frozenset({"stream", "zip"})
    description = "a JSON array"

    def __init__(self, key: str = "") -> None:
        self.key = key

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield whole_slice(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        try:
            data = read_whole(part).removeprefix(b"\xef\xbb\xbf")
            value = json_value(data)
        except UnicodeDecodeError as error:
            raise BadInput(part.file.path, "is not UTF-8", place=f"byte {error.start}") from error
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadInput(part.file.path, f"is not JSON ({error.msg})", place=place) from error
        if self.key:
            value = value.get(self.key) if isinstance(value, dict) else None
        if not isinstance(value, list):
            under = f" under {self.key!r}" if self.key else ""
            reason = f"has no JSON array{under}"
            raise BadInput(part.file.path, reason, mend="check whether it is a file of another source")
        if not SURROGATE.search(data):
            yield from itertools.starmap(Record, enumerate(value))
            return
        for number, item in enumerate(value):
            encoded = json.dumps(item, ensure_ascii=False)
            try:
                encoded.encode()
            except UnicodeEncodeError:
                yield Lost(number, "lone surrogate", len(encoded.encode(errors="surrogatepass")))
            else:
                yield Record(number, item)


UNREADABLE_LINE = f"invalid UTF-8, or line over {LONGEST_LINE >> 20} MiB"


class Csv(Format):
    """A file of delimited values with a header. It is one slice, since a quoted field may contain line ends.

    delimiter  one character between fields
    """

    description = "CSV"

    def __init__(self, delimiter: str = ",") -> None:
        self.delimiter = delimiter

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield whole_slice(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        csv.field_size_limit(LONGEST_LINE)
        bad: list[int] = []
        with Stream(part.file, part.kind) as stream:
            reader = csv.reader(self._text(stream, bad), delimiter=self.delimiter, strict=True)
            try:
                header = next(reader, [])
                for number, values in enumerate(reader):
                    while bad:
                        yield Lost(number, UNREADABLE_LINE, bad.pop())
                    if len(values) != len(header):
                        yield Lost(number, "not as many fields as the header", sum(map(len, values)))
                    else:
                        yield Record(number, dict(zip(header, values, strict=True)))
                while bad:
                    yield Lost(-1, UNREADABLE_LINE, bad.pop())
            except csv.Error as error:
                raise BadInput(part.file.path, f"is not CSV ({error})", place=f"line {reader.line_num}") from error

    def _text(self, stream: Stream, bad: list[int]) -> Iterator[str]:
        for line in stream_lines(stream):
            try:
                if line.data is None:
                    bad.append(line.size)
                else:
                    yield (line.data if line.offset else line.data.removeprefix(b"\xef\xbb\xbf")).decode() + "\n"
            except UnicodeDecodeError:
                bad.append(line.size)
