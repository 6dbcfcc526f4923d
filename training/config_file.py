"""Reading the trainer's options: a YAML or JSON file, or a recipe's `train:` section, and `--set a.b=c`.

Keys are strict: an unknown key is refused with the closest known one.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from training.config import Config
from training.errors import ConfigError

T = TypeVar("T")

RECIPE_KEYS = ("corpora", "include", "train")
"""A file with one of these top-level keys is a recipe."""


def read_config(file: Path | None, settings: Sequence[str] = ()) -> Config:
    """Read the options of a file and override them by `settings`, each `a.b=c` in YAML.

    file: the trainer's keys, or a recipe, of which the `train` section and `seed` are read; None: all defaults.
    Raises ConfigError for a file that cannot be read, an unknown key, a wrong type or a value out of range.
    """
    values = {} if file is None else _read_yaml(file)
    try:
        values = _from_recipe(values)
        for setting in settings:
            _override(values, setting)
        return _build(Config, values, "")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}" if file is not None else str(error)) from None


def _read_yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_bytes()) or {}
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:  # not UTF-8, an impossible date, a number of 5,000 digits
        raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}") from None


def _from_recipe(values: Any) -> Any:
    """Return the trainer's keys of a file: of a recipe its `train` section, otherwise all keys."""
    if not isinstance(values, Mapping) or not any(key in values for key in RECIPE_KEYS):
        return values
    if "include" in values:
        raise ConfigError(
            "this recipe includes another: write it in full with `arcorp build RECIPE --print-config > FILE` and "
            "use that FILE"
        )
    if values.get("runs"):
        raise ConfigError(
            "this recipe has several runs: build it with `arcorp build`, or give a file of one run's keys"
        )
    section = values.get("train") or {}
    if not isinstance(section, Mapping):
        return section
    seed = {key: values[key] for key in ("seed",) if key in values}
    return _without_nulls({**seed, **{key: value for key, value in section.items() if key != "ranks"}})


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's section without its nulls, which stand for the trainer's defaults."""
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def _override(values: Any, setting: str) -> None:
    """Set one `a.b=c` in nested mappings."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set {setting} has no '=': write --set a.b=c")
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {}) if isinstance(values, dict) else values
    if not isinstance(values, dict):
        raise ConfigError(f"--set {setting}: {'.'.join(sections) or 'the file'} is a value, not a section")
    try:
        values[last] = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"--set {setting}: {text!r} is not YAML") from None


def _build(kind: type[T], values: Any, prefix: str) -> T:
    """Build a dataclass from a mapping, checking every key and type."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'it'} must hold keys and values, not {values!r}")
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1, cutoff=0.5)
            mend = f"did you mean {prefix}{close[0]}?" if close else f"known keys: {', '.join(sorted(hints))}"
            raise ConfigError(f"unknown key {prefix}{key}; {mend}")
    return kind(**{key: _convert(hints[key], value, prefix + key) for key, value in values.items()})


def _convert(hint: Any, value: Any, name: str) -> Any:
    """Return `value` in the type `hint`. YAML reads 3e-4 as a string, and 1 as an integer where a float is meant."""
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        members = [member for member in get_args(hint) if member is not type(None)]
        for member in members[:-1]:
            with suppress(ConfigError):
                return _convert(member, value, name)
        hint = members[-1]
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{name}.")  # type: ignore[arg-type]  # a class, as hints are
    expected = f"of type {getattr(hint, '__name__', hint)}"
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        expected = f"one of {', '.join(get_args(hint))}"
    elif get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and len(value) == len(get_args(hint)):
            return tuple(_convert(member, item, name) for member, item in zip(get_args(hint), value, strict=True))
        expected = f"a list of {len(get_args(hint))} numbers"
    elif hint is float and type(value) in (int, str):
        expected = "a number"
        with suppress(ValueError):
            return float(value)
    elif type(value) is hint:
        return value
    raise ConfigError(f"{name} is {value!r}: it must be {expected}")
