"""Fields of a record by their paths: `meta.url` is the field `url` of the object `meta`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def field_paths(value: Any, levels: int = 3) -> dict[str, Any]:
    """Return the fields of an object by name, and those of objects in it by path: {"meta": ..., "meta.url": ...}.

    levels  number of levels of objects
    """
    if not isinstance(value, dict) or not levels:
        return {}
    fields = {str(name): field_ for name, field_ in value.items()}
    for name, field_ in value.items():
        fields |= {f"{name}.{path}": inner for path, inner in field_paths(field_, levels - 1).items()}
    return fields


def value_at(fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, None if there is none. `name` may be a path: `meta.url`."""
    if name in fields or "." not in name:
        return fields.get(name)
    value: Any = fields
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
