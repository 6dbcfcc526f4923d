"""Parquet's Thrift structs: the footer, and the page headers that bound the memory of reading a column chunk.

`check_footer` refuses footers at which Arrow ends the process. The footer of a file may declare false numbers of rows
and bytes, and Arrow allocates memory by it. The page headers are reliable bounds: Arrow decompresses a page into
exactly the declared number of bytes, fails if they are too few, and returns exactly the declared number of values.
Values can be far larger than their pages: entries of a dictionary are referenced by index, and
DELTA_BYTE_ARRAY repeats a prefix of the previous value. `Pages.widest` bounds a single value.

Headers are Thrift structs in the compact protocol (apache/parquet-format, parquet.thrift; apache/thrift,
doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

DATA, INDEX, DICTIONARY, DATA_V2 = 0, 1, 2, 3
_DICTIONARY_ENCODINGS = (2, 8)
_DELTA_BYTE_ARRAY = 7
_CODECS = 8
"""Number of codecs: from UNCOMPRESSED, 0, to LZ4_RAW, 7."""
_BYTE_ARRAY = 6
"""Physical type of strings."""
_DEEPEST_COLUMN = 100
"""Maximum nesting depth of a column."""
_DEEPEST = 16
"""Maximum nesting depth of a struct. A page header has three levels, a footer eight."""


@dataclass(slots=True)
class Pages:
    """Totals of the pages of one column chunk.

    bytes      uncompressed bytes of all pages
    largest    uncompressed bytes of the largest page
    values     number of values of the data pages, including nulls
    average    largest mean of the bytes per value, over the pages that contain their values
    widest     maximum bytes of a value that refers to a dictionary or to the previous value
    referring  number of values that refer to a dictionary or to the previous value
    chained    True if values refer to the previous value
    """

    bytes: int = 0
    largest: int = 0
    values: int = 0
    average: float = 0.0
    widest: int = 0
    referring: int = 0
    chained: bool = False


def check_footer(footer: memoryview) -> None:
    """Check the values of a footer for which Arrow does not raise an error but ends the process.

    These are unknown codecs, and the values of `SizeStatistics` that do not fit their column: histograms of levels
    with another length, bytes of strings for another type. Raises ValueError.
    """
    fields, _ = _struct(footer, 0, 0)
    root, *elements = _field(fields, 2, _STRUCTS) or [{}]
    columns = list(_columns(root, iter(elements), 0, 0, 0))
    for group in _field(fields, 4, _STRUCTS) or ():
        for number, column in enumerate(_field(group, 1, _STRUCTS) or ()):
            metadata = _field(column, 3, _STRUCT)
            if metadata is None or number >= len(columns):
                raise ValueError("its footer has a column without a description")
            codec = _field(metadata, 4, _I32)
            if codec not in range(_CODECS):
                raise ValueError(f"its footer has the unknown codec {codec}")
            statistics = _field(metadata, 16, _STRUCT)
            if statistics is None:
                continue
            type_, *levels = columns[number]
            for field, most in zip((2, 3), levels, strict=True):
                counts = _field(statistics, field, _I64S)
                if counts and len(counts) != most + 1:
                    raise ValueError(f"its footer has {len(counts)} counts of levels 0 to {most}")
            if 1 in statistics and type_ != _BYTE_ARRAY:
                raise ValueError("its footer has bytes of strings for a column of numbers")


def _columns(
    parent: _Fields, elements: Iterator[_Fields], repetition: int, definition: int, depth: int
) -> Iterator[tuple[Any, int, int]]:
    """Yield the physical type and the largest repetition and definition level of each column of a schema.

    The elements of a schema are stored depth first.
    """
    if depth > _DEEPEST_COLUMN:
        raise ValueError("its columns are nested too deeply")
    for element in islice(elements, max(0, _field(parent, 5, _I32) or 0)):
        kind = _field(element, 3, _I32)
        levels = repetition + (kind == 2), definition + (kind in (1, 2))
        if _field(element, 5, _I32):
            yield from _columns(element, elements, *levels, depth + 1)
        else:
            yield _field(element, 1, _I32), *levels


def pages_of(chunk: memoryview, codec: str, strings: bool) -> Pages:
    """Read the page headers of a column chunk.

    chunk    bytes of the column chunk
    codec    name of the compression in the footer
    strings  True if the values have variable length (BYTE_ARRAY)

    Raises ValueError if a header is invalid.
    """
    pages = Pages()
    offset = entries = 0
    dictionary: tuple[memoryview, int] | None = None
    while offset < len(chunk):
        header, offset = _struct(chunk, offset, 0)
        kind, size, packed = (_field(header, number, _I32) for number in (1, 2, 3))
        if size is None or packed is None or size < 0:
            raise ValueError("a page is larger than its column")
        if not 0 <= packed <= len(chunk) - offset:
            raise ValueError("a page is larger than its column")
        body, offset = chunk[offset : offset + packed], offset + packed
        pages.bytes += size
        pages.largest = max(pages.largest, size)
        if kind == DICTIONARY:
            entries = _number(header, 7, 1)
            dictionary = body, size
        elif kind in (DATA, DATA_V2):
            field = 5 if kind == DATA else 8
            values, encoding = _number(header, field, 1), _number(header, field, 2 if kind == DATA else 4)
            pages.values += values
            if encoding in _DICTIONARY_ENCODINGS:
                pages.referring += values
            elif encoding == _DELTA_BYTE_ARRAY:
                pages.referring += values
                pages.widest = max(pages.widest, size)
                pages.chained = True
            elif values:
                pages.average = max(pages.average, size / values)
    if dictionary is not None and strings:
        pages.widest = max(pages.widest, _longest(*dictionary, entries, codec, pages.referring))
    return pages


def _number(header: _Fields, field: int, inner: int) -> int:
    value: int | None = _field(_field(header, field, _STRUCT) or {}, inner, _I32)
    if value is None or value < 0:
        raise ValueError("a page header has no count of values")
    return value


def _longest(body: memoryview, size: int, entries: int, codec: str, values: int) -> int:
    """Return an upper bound of the bytes of a string of a dictionary page.

    Each string is stored after its length of four bytes. The bound is the size of the page if the page can't be
    decompressed, or if the page is so small that even `values` references to all of it need little memory.
    """
    if size * values <= 1 << 20:
        return size
    import pyarrow

    try:
        data = memoryview(body if codec == "UNCOMPRESSED" else pyarrow.decompress(body, size, codec.lower()))
    except (OSError, ValueError, pyarrow.ArrowException):
        return size  # Arrow will raise the error when it reads the page
    offset = longest = 0
    for _ in range(min(entries, size // 4)):
        length = int.from_bytes(data[offset : offset + 4], "little")
        offset += 4 + length
        longest = max(longest, length)
        if offset > size:
            break
    return min(longest, size)


# -- thrift, compact --------------------------------------------------------------------------------------


def _varint(data: memoryview, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
        if shift > 63:
            raise ValueError("a number of a struct has no end")


_I32, _STRUCT, _I64S, _STRUCTS = 5, 12, 9 | 6 << 4, 9 | 12 << 4
"""Types: a list is 9, with the type of its items in the higher bits."""

_Fields = dict[int, tuple[int, Any]]
"""The fields of a struct: type and value by number. The value is None for types that are not needed."""


def _field(fields: _Fields, number: int, kind: int) -> Any:
    """Return a field, or None if there is none. Raises ValueError if it has another type, which Arrow would ignore."""
    stored, value = fields.get(number, (kind, None))
    if stored != kind:
        raise ValueError("a field has another type")
    return value


def _struct(data: memoryview, offset: int, depth: int) -> tuple[_Fields, int]:
    """Read a struct that begins at byte `offset`. Returns its fields and the offset of the first byte after it.

    Raises ValueError if the struct is invalid.
    """
    fields: _Fields = {}
    number = 0
    try:
        while kind := data[offset]:
            offset += 1
            if kind >> 4:
                number += kind >> 4
            else:
                raw, offset = _varint(data, offset)
                number = (raw >> 1) ^ -(raw & 1)
            kind &= 0x0F
            value, offset = _value(data, offset, kind, depth)
            if kind == 9:
                kind, value = value
            fields[number] = kind, value
    except IndexError:
        raise ValueError("a struct is truncated") from None
    return fields, offset + 1


def _value(data: memoryview, offset: int, kind: int, depth: int) -> tuple[Any, int]:
    """Read a value of Thrift type `kind`, in `depth` structs and lists. Returns the value and the offset after it."""
    if depth > _DEEPEST:
        raise ValueError("a struct is nested too deeply")
    if kind in (1, 2):
        return kind == 1, offset
    if kind == 3:
        return None, offset + 1
    if kind in (4, 5, 6):
        raw, offset = _varint(data, offset)
        return (raw >> 1) ^ -(raw & 1), offset
    if kind == 7:
        return None, offset + 8
    if kind == 8:
        size, offset = _varint(data, offset)
        if size > len(data) - offset:
            raise ValueError("a struct is truncated")
        return None, offset + size
    if kind in (9, 10):
        head = data[offset]
        size, offset = (head >> 4, offset + 1) if head >> 4 < 15 else _varint(data, offset + 1)
        items = []
        if size > len(data) - offset:
            raise ValueError("a struct is truncated")
        for _ in range(size):
            if head & 0x0F in (1, 2):
                offset += 1
            else:
                item, offset = _value(data, offset, head & 0x0F, depth + 1)
                items.append(item)
        return (9 | (head & 0x0F) << 4, items), offset
    if kind == 12:
        return _struct(data, offset, depth + 1)
    raise ValueError("a struct has a field of an unknown type")
