"""File formats: how a file is cut into slices that tasks can share, and how a slice is read as rows.

A slice is a range [start, stop) of its file: rows of a Parquet file, bytes of a stream (a record belongs to the slice
that its first byte lies in), the whole of a file that can't be cut. Compressed streams are not: whoever wants their
middle has to decompress all that comes before (docs/decisions/0012-compressed-files-are-read-by-one-task.md).
Boundaries depend on the file and on SLICE alone.
A row that can't be read is a `Lost` with its reason; a file that can't be, a BadInput.
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
"""Bytes of text that a slice is meant to hold; none holds more than twice that, unless one record does or its file is
compressed."""

END = 1 << 62
"""Where a slice of a compressed stream ends: only reading tells its length."""

EXPANSION = 4
"""Bytes of text in a byte of a compressed file, about."""

LONGEST_FILE = 1 << 30
"""Bytes of the longest text file that is read as one document or one JSON value."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of a file: rows of Parquet, else bytes as decompressed; `bytes` is its text, about."""

    file: File
    kind: Kind
    start: int
    stop: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """What a plan may know of it: no path."""
        return {"name": self.file.name, "size": self.file.size, "start": self.start, "stop": self.stop}


@dataclass(frozen=True, slots=True)
class Record:
    """A record: `key` is its place (row number, or byte offset), `value` a dict of fields, or a text; `lost` bytes of
    it were not UTF-8 and are gone. Of one text in it, `text`, the format may know the bytes, `size`."""

    key: int
    value: Any
    lost: int = 0
    text: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that could not be read: reason, and its size in bytes."""

    key: int
    reason: str
    size: int


class Format(abc.ABC):
    """A way to cut and read files."""

    containers: frozenset[str] = frozenset({"stream"})
    called: str

    @abc.abstractmethod
    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        """The slices of a file, in order. Raises BadInput."""

    @abc.abstractmethod
    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        """The records of a slice, in order. Raises BadInput."""


def even(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut range(total), of `size` bytes, into the fewest even ranges of at most SLICE bytes each."""
    parts = min(max(1, -(-size // SLICE)), max(1, total))
    for part in range(parts):
        yield total * part // parts, total * (part + 1) // parts


class Whole(Format):
    """One file, one text."""

    called = "text"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield uncut(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        yield Record(0, *text_of(read_whole(part)))


def uncut(file: File, kind: Kind) -> Slice:
    """A file as one slice."""
    if is_compressed(kind):
        return Slice(file, kind, 0, END, EXPANSION * file.size)
    return Slice(file, kind, 0, file.size, file.size)


def read_whole(part: Slice) -> bytes:
    """All bytes of a file that is one text or one JSON value. Raises BadInput, also for one too long for that."""
    pieces = []
    with Stream(part.file, part.kind) as stream:
        while piece := stream.read(1 << 20):
            if stream.tell() > LONGEST_FILE:
                reason = f"is over {LONGEST_FILE >> 30} GiB, too long for one text"
                raise BadInput(part.file.path, reason, mend="cut it up")
            pieces.append(piece)
    return b"".join(pieces)


def text_of(data: bytes) -> tuple[str, int]:
    """A whole file as text, without a byte order mark; lines that are not UTF-8 are left out: their bytes."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode(), 0
    except UnicodeDecodeError:
        return decode(data.split(b"\n"))


class Lines(Format):
    """Records of lines: what `records` makes of the lines of a slice. Here: one line, one text."""

    called = "lines of text"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        if is_compressed(kind):
            yield uncut(file, kind)
            return
        for start, stop in even(file.size, file.size):
            yield Slice(file, kind, start, stop, stop - start)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        with Stream(part.file, part.kind) as stream:
            yield from self.records(stream, part.start, part.stop)

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        """Records that begin in bytes [start, stop)."""
        for line in stream_lines(stream, start, stop):
            if line.data is None or line.data.strip():
                yield self.record(line)

    def record(self, line: Line) -> Record | Lost:
        """One line as a record."""
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
        """The value of a line. Raises UnicodeDecodeError, UnicodeEncodeError for lone surrogates, JSONDecodeError."""
        return data.decode()


SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""As JSON escapes one: half of a character, or alone and no character."""


def json_value(data: bytes | str) -> Any:
    """A JSON value as Python reads it, with null where a number is none (NaN) or has no end.

    Raises UnicodeDecodeError, and JSONDecodeError also where it is nested without end or a number fills a page.
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
    """One line, one JSON value."""

    called = "JSON lines"

    def parse(self, data: bytes) -> Any:
        import orjson

        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            value = json_value(data.decode())  # slower and laxer
            json.dumps(value, ensure_ascii=False).encode()
            return value


class Blocks(Lines):
    """Runs of lines, each a text, between lines that are exactly `separator`: empty ones unless told otherwise."""

    called = "blocks of lines"

    def __init__(self, separator: bytes = b"") -> None:
        self.separator = separator

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        # A block begins after a separator and its line end ("\n" or "\r\n"), so as many bytes before `start` tell
        # whether one may begin there; until a separator is seen, lines belong to a block that began before.
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
        """A run of lines as one record."""
        size = sum(line.size for line in block)
        if any(line.data is None for line in block):
            return Lost(block[0].offset, f"line over {LONGEST_LINE >> 20} MiB", size)
        text, lost = decode(line.data for line in block if line.data is not None)
        return Record(block[0].offset, text.removeprefix("\ufeff"), lost)


class JsonArray(Format):
    """One JSON file with an array of objects in it, at the top or under a key."""

    containers = frozenset({"stream", "zip"})
    called = "a JSON array"

    def __init__(self, key: str = "") -> None:
        self.key = key

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield uncut(file, kind)

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
            raise BadInput(part.file.path, f"holds no JSON array{under}", mend="is it another source's file?")
        if not SURROGATE.search(data):
            yield from itertools.starmap(Record, enumerate(value))
            return
        for number, one in enumerate(value):
            written = json.dumps(one, ensure_ascii=False)
            try:
                written.encode()
            except UnicodeEncodeError:
                yield Lost(number, "lone surrogate", len(written.encode(errors="surrogatepass")))
            else:
                yield Record(number, one)


UNREADABLE_LINE = f"invalid UTF-8, or line over {LONGEST_LINE >> 20} MiB"


class Csv(Format):
    """Comma- or tab-separated values with a header. Quoted fields may hold line ends, so a file is one slice."""

    called = "CSV"

    def __init__(self, delimiter: str = ",") -> None:
        self.delimiter = delimiter

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield uncut(file, kind)

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
