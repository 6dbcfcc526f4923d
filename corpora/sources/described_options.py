"""The options of a source, as they are shown: read from the fields of its class."""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

COMMON = ("language", "category", "license", "relabel", "limit")
"""Options of every source."""


@dataclass(frozen=True, slots=True)
class SourceOption:
    """An option of a source.

    kind     type, or the accepted values: "number", "a | b"
    default  default value, None if there is none
    """

    name: str
    kind: str
    default: Any
    description: str


def options_of(source: type[Any]) -> list[SourceOption]:
    """Return the options of a source's class in order, those of every source (`COMMON`) last."""
    hints = get_type_hints(source)
    options = [
        SourceOption(
            option.name,
            _kind(hints[option.name]),
            _plain(None if option.default is MISSING else option.default),
            str(option.metadata.get("description", "")),
        )
        for option in fields(source)
    ]
    return sorted(options, key=lambda option: option.name in COMMON)


def _kind(annotation: Any) -> str:
    """Return a type in words.

    >>> _kind(int | None), _kind(tuple[str, ...]), _kind(Literal["a", "b"])
    ('number', 'list of text', 'a | b')
    """
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(member) for member in members if member is not type(None))
    if origin is Literal:
        return " | ".join(map(str, members))
    if origin in (list, tuple):
        return f"list of {_kind(members[0])}"
    if origin in (dict, types.MappingProxyType) or annotation is dict:
        return "mapping"
    names = {str: "text", int: "number", float: "number", bool: "true | false"}
    return names.get(annotation, getattr(origin or annotation, "__name__", str(annotation)).lower())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else None if value == "" else value
