"""A source with its options, which are the fields of the source's class."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from corpora.sources.base import Source


def source_of(name: str, given: dict[str, Any]) -> Source:
    """Return a source with options. Raises UnknownSource, and UsageError for an invalid option."""
    from corpora.sources import find_source

    kind = find_source(name)
    known = {field.name for field in fields(kind)}
    foreign = sorted(given.keys() - known)
    if foreign:
        raise UsageError(f"source {name} has no option '{foreign[0]}'; it has {', '.join(sorted(known))}")
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"source {name}, option '{where}': {first['msg']}, got {first['input']!r}") from None
