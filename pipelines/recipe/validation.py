"""Validation of options: one sentence with file, line, and the key that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipelines.errors import UsageError, as_failure
from pipelines.recipe.yaml_lines import Lines, Location

Model = TypeVar("Model")
UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
"""Error types of pydantic for an unknown key of a model and of a dataclass."""


def validate_options(model: type[Model], data: Any, lines: Lines, what: str) -> Model:
    """Return `data` as a `model`, checked by the packages that use it.

    `model`: a pydantic model or dataclass; `lines`: places of the keys; `what`: place that is reported for other keys.
    Raises UsageError for the first error.
    """
    try:
        options = TypeAdapter(model).validate_python(data)
        _check(options, (), lines, what)
        return options
    except ValidationError as error:
        # an unknown key is the most likely cause of the other errors
        problem = min(error.errors(), key=lambda problem: problem["type"] not in UNKNOWN_KEY)
        if problem["type"] not in UNKNOWN_KEY:  # of a union, the member that matches best has the innermost error
            parent = problem["loc"][:-1]
            members = [member for member in error.errors() if member["loc"][: len(parent)] == parent]
            problem = max(members, key=lambda member: len(member["loc"]))
        location = _without_tags(problem["loc"], data, missing=problem["type"] == "missing")
        location = (*location, *getattr(problem.get("ctx", {}).get("error"), "location", ()))  # of a Misfit
        where = _place(location, lines, what)
        name = ".".join(map(str, location))
        if problem["type"] in UNKNOWN_KEY:
            key, section = str(location[-1]), ".".join(map(str, location[:-1]))
            hint = did_you_mean(key, _fields(model, location[:-1]))
            raise UsageError(f"{where}: unknown key '{key}'{f' in {section}' if section else ''}{hint}") from None
        if problem["type"] == "missing":
            raise UsageError(f"{where}: '{name}' is missing") from None
        message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
        message = message.replace("valid tuple", "valid list")
        given = problem["input"] if isinstance(problem["input"], str | int | float | bool) else None
        if isinstance(given, int) and given.bit_length() > 64:  # Python limits the digits that it prints
            given = f"a number of {given.bit_length()} bits"
        shown = f" (it is {given!r})" if given is not None else ""
        raise UsageError(f"{where}: {name + ': ' if name else ''}{message[0].lower() + message[1:]}{shown}") from None


def _check(options: Any, location: Location, lines: Lines, what: str) -> None:
    """Call `check` of each section, the innermost first. Raises UsageError."""
    values: Iterable[tuple[str | int, Any]] = ()
    if isinstance(options, list | tuple):
        values = enumerate(options)
    elif isinstance(options, Mapping | BaseModel):
        values = dict(options).items()
    elif is_dataclass(options):
        values = [(option.name, getattr(options, option.name)) for option in fields(options)]
    for key, value in values:
        _check(value, (*location, key), lines, what)
    if isinstance(options, BaseModel) or is_dataclass(options):
        try:
            getattr(options, "check", lambda: None)()
        except Exception as error:
            raise refused(error, location, lines, what) from None


def refused(error: Exception, location: Location, lines: Lines, what: str) -> Exception:
    """Return the UsageError for a section that a package refuses, or `error` itself if it is a bug."""
    if as_failure(error) is None and not isinstance(error, ValueError):
        return error
    location = (*location, *getattr(error, "location", ()))
    name = ".".join(map(str, location))
    return UsageError(f"{_place(location, lines, what)}: {name + ': ' if name else ''}{error}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the most similar of the known names, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f": did you mean '{near[0]}'?" if near else ""


def _without_tags(location: Location, data: Any, missing: bool) -> Location:
    """Return a location of pydantic without the names of union members, which are not keys of the data.

    `missing`: the last step is a key that the data lacks.
    """
    kept: list[str | int] = []
    for step in location:
        if isinstance(data, Mapping) and (step in data or (missing and step == location[-1])):
            kept.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            kept.append(step)
            data = data[step]
    return tuple(kept)


def _place(location: Location, lines: Lines, default: str) -> str:
    """Return the file and line of a key, or of the nearest key that contains it."""
    for end in range(len(location), 0, -1):
        if location[:end] in lines:
            return lines[location[:end]]
    return default


def _fields(model: type[Any], location: Location) -> list[str]:
    """Return the legal keys at a location."""
    schema = TypeAdapter(model).json_schema()
    definitions = schema.get("$defs", {})

    def models(node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            return models(definitions[node["$ref"].rsplit("/", 1)[1]])
        inner = [model for member in node.get("anyOf", []) + node.get("allOf", []) for model in models(member)]
        return [node, *inner]

    nodes = models(schema)
    for step in location:
        following: list[dict[str, Any]] = []
        for node in nodes:
            if isinstance(step, int) and "items" in node:
                following += models(node["items"])
            elif step in node.get("properties", {}):
                following += models(node["properties"][step])
            elif isinstance(node.get("additionalProperties"), dict):
                following += models(node["additionalProperties"])
        nodes = following
    return [name for node in nodes for name in node.get("properties", {})]
