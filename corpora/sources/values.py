"""Values of records as text, ids and JSON."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any


def as_text(value: Any, *, number: bool = False) -> str | None:
    """Return a text or date as text, "" for None, and None for any other value.

    number  a whole number is accepted too
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, datetime.date):  # a datetime is a date
        return value.isoformat()
    return str(value) if number and isinstance(value, int) and not isinstance(value, bool) else None


def date_of(value: Any) -> str:
    """Return a date as text, "" for None. Raises TypeError for a value that is no date."""
    text = as_text(value, number=True)
    if text is None:
        raise TypeError(f"{type(value).__name__} is no date")
    return text


def id_of(*parts: Any) -> str | None:
    """Return an id of several parts, joined by slashes; None if a part is not a text or number."""
    joinable = all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in parts)
    return "/".join(map(str, parts)) if joinable else None


def json_like(value: Any) -> Any:
    """Return a value as JSON can hold it: dates and other objects as text, numbers that are not finite as None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): json_like(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_like(inner) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
