"""A source with its options, which are the fields of the source's class."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from corpora.sources.base import Source


def owners_of(option: str) -> list[str]:
    """Return the names of the sources with an option."""
    from corpora.sources import SOURCES

    return [name for name, kind in SOURCES.items() if option in {field.name for field in fields(kind)}]


def source_of(name: str, given: dict[str, Any]) -> Source:
    """Return a source with options. Raises UnknownSource, and UsageError for an invalid option."""
    from corpora.sources import find_source

    kind = find_source(name)
    known = {field.name for field in fields(kind)}
    foreign = sorted(given.keys() - known)
    if foreign:
        others = [owner for owner in owners_of(foreign[0]) if owner != name]
        elsewhere = f" ({' and '.join(others)} {'have' if len(others) > 1 else 'has'} it)" if others else ""
        raise UsageError(
            f"source {name} has no option '{foreign[0]}'{elsewhere}; it has {', '.join(sorted(known))}: "
            f"see `arcorp sources {name}`"
        )
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # of the class's own check
            raise UsageError(f"source {name}, {first['ctx']['error']}") from None
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"source {name}, option '{where}': {first['msg']}, got {first['input']!r}") from None
