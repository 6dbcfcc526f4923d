"""The pages of a Parquet column chunk, as their own headers describe them.

A footer is a claim: whoever wrote it may have lied about rows and sizes, and Arrow reserves memory by it. Arrow
decompresses a page into as many bytes as the page's header says and fails if they are not enough, and gives as many
values as the header says; so these headers bound what reading the chunk can cost, and are read first. Values can be
far larger than their pages: entries of a dictionary are referred to by index, and DELTA_BYTE_ARRAY repeats the
beginning of the value before. `Pages.widest` bounds a single value.

Headers are Thrift structs in the compact protocol (apache/parquet-format, parquet.thrift; apache/thrift,
doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATA, INDEX, DICTIONARY, DATA_V2 = 0, 1, 2, 3
_DICTIONARY_ENCODINGS = (2, 8)
_DELTA_BYTE_ARRAY = 7
_DEEPEST = 16
"""Levels of a struct; those of a page header are three."""


@dataclass(slots=True)
class Pages:
    """What the pages of one column chunk come to.

    bytes      of all pages, uncompressed
    largest    bytes of the largest page, uncompressed
    values     of the data pages, null ones included
    average    the most bytes that a value of any one page takes on average, where values stand in the page
    widest     the most bytes of one value that stands elsewhere: in the dictionary, or in the values before it
    referring  values that stand elsewhere
    """

    bytes: int = 0
    largest: int = 0
    values: int = 0
    average: float = 0.0
    widest: int = 0
    referring: int = 0


def pages_of(chunk: memoryview, codec: str, strings: bool) -> Pages:
    """Read the page headers of a column chunk. Raises ValueError.

    codec: name of the compression in the footer. strings: the values are of any length (BYTE_ARRAY).
    """
    found = Pages()
    at = entries = 0
    dictionary: tuple[memoryview, int] | None = None
    while at < len(chunk):
        header, at = _struct(chunk, at, 0)
        size, packed, kind = header.get(2), header.get(3), header.get(1)
        if not isinstance(size, int) or not isinstance(packed, int) or size < 0 or not 0 <= packed <= len(chunk) - at:
            raise ValueError("a page is larger than its column")
        body, at = chunk[at : at + packed], at + packed
        found.bytes += size
        found.largest = max(found.largest, size)
        if kind == DICTIONARY:
            entries = _number(header, 7, 1)
            dictionary = body, size
        elif kind in (DATA, DATA_V2):
            field = 5 if kind == DATA else 8
            values, encoding = _number(header, field, 1), _number(header, field, 2 if kind == DATA else 4)
            found.values += values
            if encoding in _DICTIONARY_ENCODINGS:
                found.referring += values
            elif encoding == _DELTA_BYTE_ARRAY:
                found.referring += values
                found.widest = max(found.widest, size)
            elif values:
                found.average = max(found.average, size / values)
    if dictionary is not None and strings:
        found.widest = max(found.widest, _longest(*dictionary, entries, codec, found.referring))
    return found


def _number(header: dict[int, Any], field: int, inner: int) -> int:
    value = header[field].get(inner) if isinstance(header.get(field), dict) else None
    if not isinstance(value, int) or value < 0:
        raise ValueError("a page header has no count of values")
    return value


def _longest(body: memoryview, size: int, entries: int, codec: str, values: int) -> int:
    """The most bytes of one string of a dictionary page, each of which follows its length of four bytes.

    The size of the page is the bound where it can't be read, or is not much even if every value refers to all of it.
    """
    if size * values <= 1 << 20:
        return size
    import pyarrow

    try:
        data = memoryview(body if codec == "UNCOMPRESSED" else pyarrow.decompress(body, size, codec.lower()))
    except (OSError, ValueError, pyarrow.ArrowException):
        return size  # Arrow will raise on it when it reads it
    at = longest = 0
    for _ in range(min(entries, size // 4)):
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4 + length
        longest = max(longest, length)
        if at > size:
            break
    return min(longest, size)


# -- thrift, compact --------------------------------------------------------------------------------------


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number in a page header has no end")


def _struct(data: memoryview, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Fields of a struct by number: whole numbers, booleans and structs; others are skipped. Raises ValueError."""
    if depth > _DEEPEST:
        raise ValueError("a page header is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    try:
        while kind := data[at]:
            at += 1
            if kind >> 4:
                number += kind >> 4
            else:
                raw, at = _varint(data, at)
                number = (raw >> 1) ^ -(raw & 1)
            fields[number], at = _value(data, at, kind & 0x0F, depth)
    except IndexError:
        raise ValueError("a page header is cut") from None
    return fields, at + 1


def _value(data: memoryview, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return None, at + 1
    if kind in (4, 5, 6):
        raw, at = _varint(data, at)
        return (raw >> 1) ^ -(raw & 1), at
    if kind == 7:
        return None, at + 8
    if kind == 8:
        size, at = _varint(data, at)
        if size > len(data) - at:
            raise ValueError("a page header is cut")
        return None, at + size
    if kind in (9, 10):
        head = data[at]
        size, at = (head >> 4, at + 1) if head >> 4 < 15 else _varint(data, at + 1)
        items = []
        if size > len(data) - at:
            raise ValueError("a page header is cut")
        for _ in range(size):
            if head & 0x0F in (1, 2):
                at += 1
            else:
                item, at = _value(data, at, head & 0x0F, depth)
                items.append(item)
        return items, at
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise ValueError("a page header holds what none can")
