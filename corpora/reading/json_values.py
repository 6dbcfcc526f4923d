"""JSON values of a stream, one at a time: those of an array, those under a key, or values that follow one another.

Only the structure is read here: strings and brackets. Each record is then parsed by itself, like a line of JSON lines:
memory is bounded by the longest record, a bad record costs itself alone, and a record has the same value in every form
of JSON. ijson is not used: docs/decisions/0026-json-is-cut-before-it-is-parsed.md.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Protocol

from corpora.errors import BadInput
from corpora.reading.streams import CHUNK, LONGEST_LINE

ANY = "*"
"""Part of a path that stands for every key."""

_DEEPEST = 64
"""Maximum nesting depth of the arrays and objects above the records."""

_OPEN_BRACKETS = 1 << 20
"""Maximum nesting depth inside a record. No parser accepts a tenth of it."""

_SHOWN = 8
"""Number of keys in a message."""

_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(rb"[ \t\r\n]*+()")
_LITERAL = re.compile(rb'[^ \t\r\n\[\]{},:"]*+()')
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}]?)', re.DOTALL)
_FLAT = re.compile(rb'[ \t\r\n]*+,[ \t\r\n]*+({(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+})', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}


def parse_json(data: bytes) -> Any:
    """Parse a JSON value. Raises as `json_value` does, and UnicodeEncodeError if it has lone surrogates."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        value = json_value(data.decode())  # slower, and accepts more
        json.dumps(value, ensure_ascii=False).encode()
        return value


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


class Bytes(Protocol):
    """What is read of a stream: `Stream`, or a binary file object."""

    def read(self, size: int, /) -> bytes: ...
    def tell(self) -> int: ...


def stream_values(stream: Bytes, path: str, name: str, longest: int = LONGEST_LINE) -> Iterator[bytes | int]:
    """Yield the records of a JSON file, unparsed; instead of one that is too long, its number of bytes.

    stream   an unread stream
    path     keys that lead to the records, joined by dots: "hadiths", "data.items". `*` stands for every key. Arrays
             on the way are entered. "": the records are the values of the file
    name     path of the file in messages
    longest  maximum bytes of a record

    The records are the elements of the arrays at the end of the path, and the values there that are no arrays.
    Raises BadInput if brackets don't match, the file is truncated or has nothing under the path.
    """
    keys = tuple(path.split(".")) if path else ()
    cursor = _Cursor(stream, name, longest)
    while cursor.next():
        yield from cursor.records(keys)
    if keys and not cursor.found:
        there = ", ".join(cursor.arrays) or "none"
        reason = f"has no records under {path!r} (arrays are under these keys: {there})"
        raise BadInput(name, reason, mend="give another key as option `records`, or check the source")


def line_objects(line: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the objects of a line that has several, with their offsets: files were joined without line ends.

    Raises BadInput if the line has something else than objects, and the errors of `parse_json`.
    """
    cursor = _Cursor(io.BytesIO(line), "line", len(line))
    while byte := cursor.next():
        if byte != b"{":
            raise cursor.fault("no object")
        offset = cursor.offset
        for data in cursor.records(()):
            assert isinstance(data, bytes)
            yield offset, parse_json(data)


class _Cursor:
    """A position in a stream of JSON.

    found   whether the path led to a value
    arrays  keys of arrays that are not on the path
    """

    def __init__(self, stream: Bytes, name: str, longest: int) -> None:
        self._stream, self._name, self._longest = stream, name, longest
        self._buffer = bytearray()
        self._position = 0  # in the buffer
        self._kept = longest  # maximum bytes of the value at the cursor that stay in the buffer
        self._dropped = 0  # bytes of that value that are not in the buffer any more
        self._ended = False
        self.found = False
        self.arrays: dict[str, None] = {}

    def next(self) -> bytes:
        """Skip white space and byte order marks. Return the next byte, b"" at the end of the stream."""
        while True:
            self._match(_SPACE)
            if self._buffer.startswith(_BOM, self._position):
                self._position += len(_BOM)
            elif len(self._buffer) - self._position >= len(_BOM) or not self._more():
                return bytes(self._buffer[self._position : self._position + 1])

    def records(self, keys: tuple[str, ...], depth: int = 0) -> Iterator[bytes | int]:
        """Yield the records under `keys` of the value at the cursor, and move behind it."""
        first = self.next()
        if depth > _DEEPEST:
            raise self.fault("arrays and objects nested too deeply above its records")
        self.found = self.found or not keys
        if first == b"[":
            for _ in self._items(b"]"):
                if keys:
                    yield from self.records(keys, depth + 1)
                else:
                    yield self._value(self._longest)
                    yield from self._flat()
        elif keys and first == b"{":
            for _ in self._items(b"}"):
                key = self._key()
                if keys[0] in (key, ANY):
                    yield from self.records(keys[1:], depth + 1)
                else:
                    if self.next() == b"[" and len(self.arrays) < _SHOWN:
                        self.arrays[key] = None
                    self._value(0)
        elif keys:
            self._value(0)
        else:
            yield self._value(self._longest)

    def _flat(self) -> Iterator[bytes | int]:
        """Yield the next items of the array as long as they are flat objects in the buffer, the common case."""
        while match := _FLAT.match(self._buffer, self._position):
            self._position = match.end()
            size = match.end(1) - match.start(1)
            yield match[1] if size <= self._longest else size

    def _items(self, closing: bytes) -> Iterator[None]:
        """Stop at each item of the array or object at the cursor; the caller moves behind the item."""
        self._position += 1
        while (byte := self.next()) != closing:
            if not byte:
                raise self._truncated()
            yield
            byte = self.next()
            if byte == b",":
                self._position += 1
            elif byte and byte != closing:
                raise self.fault(f"a comma or {closing.decode()} is missing")
        self._position += 1

    def _key(self) -> str:
        if self.next() != b'"':
            raise self.fault("a key is no string")
        data = self._value(CHUNK)
        try:
            if self.next() == b":" and not isinstance(data, int):
                self._position += 1
                return str(json_value(data.decode())).encode(errors="replace").decode()
        except (UnicodeDecodeError, json.JSONDecodeError):
            pass
        raise self.fault("a key is damaged")

    def _value(self, longest: int) -> bytes | int:
        """Move behind the value at the cursor. Return its bytes, or their number if they are more than `longest`."""
        del self._buffer[: self._position]
        self._position = self._dropped = 0
        self._kept = longest
        first = bytes(self._buffer[:1])
        if first == b'"':
            self._string()
        elif first in _CLOSING:
            self._container()
        else:
            self._literal()
        size = self._dropped + self._position
        return size if size > longest else bytes(memoryview(self._buffer)[: self._position])

    def _string(self) -> None:
        self._position += 1
        while not self._match(_STRING):
            if not self._more():
                raise self._truncated()

    def _container(self) -> None:
        open_ = bytearray()
        while True:
            bracket = self._match(_TO_BRACKET)
            if bracket in _CLOSING:
                open_ += bracket
                if len(open_) > _OPEN_BRACKETS:
                    raise self.fault("nested too deeply")
            elif bracket:
                expected = _CLOSING[bytes(open_[-1:])]
                if bracket != expected:
                    raise self.fault(f"{expected.decode()} is missing")
                open_.pop()
                if not open_:
                    return
            elif self._buffer.startswith(b'"', self._position):  # a string whose end is not in the buffer
                self._string()
            elif not self._more():
                raise self._truncated()

    def _literal(self) -> None:
        self._match(_LITERAL)
        if not self._position:
            raise self.fault("a value is missing")
        while self._position == len(self._buffer) and self._more():
            self._match(_LITERAL)

    def _match(self, pattern: re.Pattern[bytes]) -> bytes:
        """Move behind a pattern, which matches at any place. Return its group."""
        match = pattern.match(self._buffer, self._position)
        assert match
        self._position = match.end()
        return match[1]

    def _more(self) -> bool:
        """Read another chunk, and free a value that is too long. Return False at the end of the stream."""
        if self._position > self._kept:
            self._dropped += self._position
            del self._buffer[: self._position]
            self._position = 0
        data = b"" if self._ended else self._stream.read(CHUNK)
        self._ended = not data
        self._buffer += data
        return bool(data)

    @property
    def offset(self) -> int:
        """Offset of the cursor in the stream."""
        return self._stream.tell() - len(self._buffer) + self._position

    def fault(self, reason: str) -> BadInput:
        """Return the error of a stream that is not JSON at the cursor."""
        return BadInput(self._name, f"is not JSON ({reason})", place=f"byte {self.offset}", mend="fetch it again")

    def _truncated(self) -> BadInput:
        place = f"byte {self._stream.tell()}"
        return BadInput(self._name, "ends in the middle (truncated)", place=place, mend="fetch it again")
