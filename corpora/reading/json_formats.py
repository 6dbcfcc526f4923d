"""JSON lines, and JSON files whose records are in an array or under a key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File
from corpora.reading.formats import Format, Lines, Lost, Record, Slice, whole_slice
from corpora.reading.json_values import line_objects, parse_json, stream_values
from corpora.reading.kinds import Kind
from corpora.reading.streams import CHUNK, LONGEST_LINE, Line, Stream, stream_lines

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""JSON escape of a surrogate: half of a character, or a lone surrogate."""

_BOM = b"\xef\xbb\xbf"
_NOT_JSON = "not JSON"


class JsonLines(Lines):
    """A file in which every line is a JSON value. A line of several objects has several records."""

    description = "JSON lines"

    def records(self, stream: Stream, start: int, stop: int) -> Iterator[Record | Lost]:
        """Yield the records that begin in bytes [start, stop)."""
        for line in stream_lines(stream, start, stop):
            if line.data is None:
                yield self.record(line)
            elif line.data.strip():
                row = self.record(line)
                if isinstance(row, Lost) and row.reason == _NOT_JSON:
                    yield from _objects(row, line.data)
                else:
                    yield row

    def parse(self, data: bytes) -> Any:
        """Return the value of a line; a string is a record with the field text. Errors are those of `parse_json`."""
        value = parse_json(data)
        return {"text": value} if isinstance(value, str) else value


def _objects(lost: Lost, line: bytes) -> Iterator[Record | Lost]:
    """Yield the records of a line that has several objects, or byte order marks; else `lost`."""
    try:
        for _ in line_objects(line):
            pass
    except (BadInput, ValueError):
        yield lost
        return
    for offset, value in line_objects(line):
        yield Record(lost.key + offset, value)


class Json(Format):
    """A JSON file with an array of records, with values that follow one another, or with lines.

    path  keys that lead to the records, joined by dots; "": the file is the array, or has one value in each line
    """

    description = "JSON"

    def __init__(self, path: str = "") -> None:
        self.path = path

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        with Stream(file, kind) as stream:
            lines = self._has_lines(stream)
        if lines:
            yield from JsonLines().slices(file, kind)
        else:
            yield whole_slice(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        with Stream(part.file, part.kind) as stream:
            if part.start or self._has_lines(stream):
                yield from JsonLines().records(stream, part.start, part.stop)
                return
            for number, data in enumerate(stream_values(stream, self.path, part.file.path)):
                yield _record(number, data)

    def _has_lines(self, stream: Stream) -> bool:
        """Return whether the file is JSON lines: one of the first two lines is an object. An array has none."""
        if self.path:
            return False
        head = stream.peek(CHUNK).removeprefix(_BOM).lstrip()
        return head.startswith(b"{") and any(map(_is_object, head.split(b"\n", 2)[:2]))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except ValueError:
        return False


def _record(key: int, data: bytes | int) -> Record | Lost:
    """Parse a record of a JSON file."""
    if isinstance(data, int):
        return Lost(key, f"record over {LONGEST_LINE >> 20} MiB", data)
    return JsonLines().record(Line(key, len(data), data))
