"""The field for which a record is dropped, and the ids that records may have.

A source reads the fields of a record as they come, and fails at a value of another type. The record is then parsed
again from objects that note each field that is read. The reason names the last one with a value of the type that the
error names, else the last one that is no string.
"""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from corpora.reading import Record

PARSE_FAULTS = (TypeError, AttributeError, LookupError, ValueError, RecursionError)
"""Exceptions of `Source.parse` for a field that is missing or has another type."""

_EXACT = 1 << 53
"""Integers from which on a float does not have all digits: JSON's integers above 64 bits are read as floats."""

_MISSING = object()
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    ((int, float, decimal.Decimal), "a number"),
    (str, "a string"),
    (bytes, "bytes"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
    ((datetime.date, datetime.time), "a time"),
)


def id_of(value: Any) -> str | None:
    """Return the id of a record as text, None if it has none. Different values have different texts.

    Raises TypeError for a value that is no id: a boolean, bytes, a list, an object, or a float that has lost digits.
    """
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, float | decimal.Decimal) and not math.isfinite(value):
        return None
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) >= _EXACT):
        raise TypeError
    if isinstance(value, int | float | decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise TypeError


def _kind_of(value: Any) -> str:
    """Return the kind of a value in words."""
    if value is _MISSING:
        return "missing"
    if value is None:
        return "null"
    return next((name for types, name in _KINDS if isinstance(value, types)), type(value).__name__)


def wrong_field(parse: Callable[[Record], Any], record: Record) -> str:
    """Return the reason to drop a record for which `parse` failed: the field, and what it is."""
    reads, message = _reads(parse, record)
    if not reads:
        return "a field is missing or has another type"
    named = [read for read in reads if f"'{type(read[1]).__name__}'" in message]  # 'NoneType' object has no ...
    unlikely = [read for read in reads if not isinstance(read[1], str | _Noted)]
    name, value = (named or unlikely or reads)[-1]
    return f"{name} is {_kind_of(value)}"


def field_with(parse: Callable[[Record], Any], record: Record, value: Any, name: str) -> str:
    """Return the reason to drop a record for a value that `parse` took from a field; `name` is that of the value."""
    same = [path for path, read in _reads(parse, record)[0] if read is value or isinstance(read, _Noted)]
    return f"{same[-1] if same else name} is {_kind_of(value)}"


def _reads(parse: Callable[[Record], Any], record: Record) -> tuple[list[tuple[str, Any]], str]:
    """Return the paths and values of the fields that `parse` reads of a record, and the message of its error."""
    reads: list[tuple[str, Any]] = []
    try:
        parse(replace(record, value=_noted(record.value, "", reads)))
    except PARSE_FAULTS as error:
        return reads, str(error)
    return reads, ""


class _Noted(dict[Any, Any]):
    """An object that adds each field that is read, with its path, to `reads`."""

    path: str
    reads: list[tuple[str, Any]]

    def __getitem__(self, key: Any) -> Any:
        value = super().get(key, _MISSING)
        self.reads.append((f"{self.path}{key}", value))
        if value is _MISSING:
            raise KeyError(key)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        value = super().get(key, _MISSING)
        self.reads.append((f"{self.path}{key}", default if value is _MISSING else value))
        return default if value is _MISSING else value


def _noted(value: Any, path: str, reads: list[tuple[str, Any]], levels: int = 4) -> Any:
    if not isinstance(value, dict) or not levels:
        return value
    noted = _Noted({key: _noted(inner, f"{path}{key}.", reads, levels - 1) for key, inner in value.items()})
    noted.path, noted.reads = path, reads
    return noted
