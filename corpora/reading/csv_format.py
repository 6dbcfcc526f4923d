"""Delimited values with a header, as Python's csv reads them, except that a malformed row costs itself alone.

Quotes are read strictly first. A row that is malformed then is read as Python's csv reads it by default, where a quote
inside a quoted field is kept (`"he is "here" now"`). A quote that is never closed would take the rows after it into
its field. A malformed row of several lines is therefore one row only if it has as many fields as the header and none
of its further lines is a row. Otherwise its first line is lost, and the next line is read as the beginning of a row.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence

from corpora.errors import BadInput
from corpora.reading.files import File
from corpora.reading.formats import Format, Lost, Record, Slice, whole_slice
from corpora.reading.kinds import Kind
from corpora.reading.streams import LONGEST_LINE, Stream, stream_lines

UNREADABLE_LINE = f"invalid UTF-8, or line over {LONGEST_LINE >> 20} MiB"
_NOT_AS_MANY = "not as many fields as the header"
_MALFORMED = "malformed quotes"
_LONGEST_ROW = 1 << 20
"""Maximum bytes of a malformed row of several lines that is read."""

_LINE = re.compile(r"[^\r]*\r\n?|[^\r]+")
"""A line up to a carriage return. Python's csv takes a carriage return as the end of a row."""


class Csv(Format):
    """A file of delimited values. It is one slice, since a quoted field may contain line ends.

    delimiter  one character between fields
    """

    description = "CSV"

    def __init__(self, delimiter: str = ",") -> None:
        self.delimiter = delimiter

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        yield whole_slice(file, kind)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        csv.field_size_limit(LONGEST_LINE)
        with Stream(part.file, part.kind) as stream:
            lines = _Lines(stream)
            rows = csv.reader(lines, delimiter=self.delimiter, strict=True)
            header: list[str] | None = None
            number = 0
            while True:
                lines.taken.clear()
                values: Sequence[str] | None
                try:
                    values = next(rows, None)
                except csv.Error:
                    values = self._malformed(lines, len(header) if header else None)
                if values is None and lines.waiting:
                    rows = csv.reader(lines, delimiter=self.delimiter, strict=True)
                    continue
                if values is None:
                    return
                if header and len(values) != len(header) and len(lines.taken) > 1:
                    values = self._malformed(lines, len(header))
                if header is None:
                    header = self._header(part.file, lines, values)
                    continue
                if size := lines.lost():
                    yield Lost(number, UNREADABLE_LINE, size)
                elif values is _LOST:
                    yield Lost(number, _MALFORMED, lines.size())
                elif len(values) != len(header):
                    if values:  # not a blank line
                        yield Lost(number, _NOT_AS_MANY, lines.size())
                else:
                    yield Record(number, dict(zip(header, values, strict=True)))
                number += 1

    def _header(self, file: File, lines: _Lines, values: Sequence[str]) -> list[str]:
        """Return the names of the columns. Raises BadInput if two are equal, or if they can't be read."""
        if lines.lost() or values is _LOST:
            raise BadInput(file.path, "is not CSV (its header can't be read)", place="line 1", mend="correct the line")
        repeated = next((name for name in values if name and values.count(name) > 1), None)
        if repeated is not None:
            mend = "rename one of them, since either may be meant"
            raise BadInput(file.path, f"has {values.count(repeated)} columns called {repeated!r}", mend=mend)
        return list(values)

    def _malformed(self, lines: _Lines, width: int | None) -> Sequence[str]:
        """Read the row of the lines that were taken without strictness; return _LOST if its first line is lost."""
        whole = self._lenient(lines.taken)
        if len(lines.taken) > 1:
            further = (self._lenient([line]) for line in lines.taken[1:])
            is_row = (
                whole is not _LOST
                and len(whole) == width
                and lines.size() <= _LONGEST_ROW
                and not any(len(values) == width for values in further)
            )
            if not is_row:
                lines.give_back(lines.taken[1:])
                whole = self._lenient(lines.taken)
        return whole

    def _lenient(self, lines: Sequence[str]) -> Sequence[str]:
        """Return the fields of a row, _LOST if the lines are more than a row or end inside a quoted field."""
        try:
            rows = list(csv.reader([*lines, _AFTER], delimiter=self.delimiter))
        except csv.Error:
            return _LOST
        return rows[0] if len(rows) == 2 and rows[1] == [_AFTER] else _LOST


_LOST: Sequence[str] = ("",)
"""Fields of a row that is malformed, compared by identity."""

_AFTER = "after"
"""A line that is a row of its own, unless a quoted field before it is open."""


class _Unreadable(str):
    """A line of which `size` bytes can't be read. Its quotes and delimiters are those of its row."""

    size: int


class _Lines:
    """The lines of a stream, which can be given back.

    taken    lines that were read since the list was cleared
    waiting  lines that were given back
    """

    def __init__(self, stream: Stream) -> None:
        self.taken: list[str] = []
        self.waiting: deque[str] = deque()
        self._unreadable = False  # whether a line was
        self._lines = self._decoded(stream)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.taken.append(line)
            yield line
            while self.waiting:
                self.taken.append(self.waiting.popleft())
                yield self.taken[-1]
        while self.waiting:  # given back after the last line was read
            self.taken.append(self.waiting.popleft())
            yield self.taken[-1]

    def give_back(self, lines: Sequence[str]) -> None:
        """Return the last lines that were taken, which are read again."""
        self.taken = self.taken[: len(self.taken) - len(lines)]
        self.waiting.extendleft(reversed(lines))

    def size(self) -> int:
        """Return the bytes of the lines that were taken."""
        return sum(len(line.encode()) for line in self.taken)

    def lost(self) -> int:
        """Return the bytes of the lines that were taken and can't be read."""
        return sum(line.size for line in self.taken if isinstance(line, _Unreadable)) if self._unreadable else 0

    def _decoded(self, stream: Stream) -> Iterator[str]:
        for line in stream_lines(stream):
            data = line.data if line.offset or line.data is None else line.data.removeprefix(b"\xef\xbb\xbf")
            try:
                if data is None:
                    raise UnicodeError
                text = f"{data.decode()}\n"
            except UnicodeError:
                unreadable = _Unreadable((data or b"").decode(errors="replace") + "\n")
                unreadable.size = line.size
                self._unreadable = True
                yield unreadable
                continue
            if "\r" in text:
                yield from _LINE.findall(text)
            else:
                yield text
