"""YAML with the file and line of each key, includes, and `--set` overrides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import UsageError
from pipelines.texts import unusable

Location = tuple[str | int, ...]
"""Keys and indices from the top of the data to a value."""
Lines = dict[Location, str]
"""Place of each key: ("pack", "row_tokens") -> "recipe.yaml:12"."""

INDEX = re.compile("[0-9]{1,9}")
MAX_DEPTH, MAX_ITEMS = 50, 100_000
"""Maximum nesting, and maximum number of keys and items, of a recipe."""


def read_yaml(path: Path, within: tuple[Path, ...] = ()) -> tuple[dict[str, Any], Lines]:
    """Read a YAML mapping and its includes. Return it with the place of each key. Raises UsageError.

    `within`: the files that include this one.
    """
    if path.resolve() in within:
        raise UsageError(f"{path} includes itself, through {within[-1].name}")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UsageError(f"{path}{line}: not YAML: {problem}") from None
    lines: Lines = {}
    data = _plain(node, path, (), lines)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: the file must hold a mapping of keys{' and is empty' if data is None else ''}")
    included = data.pop("include", [])
    if not isinstance(included, str | list):
        raise UsageError(f"{path}: 'include' must be a path or a list of paths, not {included!r}")
    merged: dict[str, Any] = {}
    merged_lines: Lines = {}
    for name in [included] if isinstance(included, str) else included:
        below, below_lines = read_yaml(path.parent / str(name), (*within, path.resolve()))
        merge_mappings(merged, below)
        merged_lines |= below_lines
    merge_mappings(merged, data)
    return merged, merged_lines | lines


def _plain(node: Any, path: Path, location: Location, lines: Lines) -> Any:
    """Return a YAML node as plain data and add its places to `lines`. Raises UsageError.

    PyYAML's own constructor accepts equal keys and keeps the last.
    """
    if node is None:
        return None
    if len(location) > MAX_DEPTH or len(lines) > MAX_ITEMS:  # aliases expand a few bytes to either
        raise UsageError(
            f"{path}:{node.start_mark.line + 1}: the recipe is too large or nested too deeply: check its aliases"
        )
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(
                    f"{path}:{key_node.start_mark.line + 1}: a key must be a word, not a list or a mapping"
                )
            key = _scalar(key_node, path)
            if key in result:
                raise UsageError(f"{path}:{key_node.start_mark.line + 1}: key '{key}' is given twice")
            lines[(*location, key)] = f"{path}:{key_node.start_mark.line + 1}"
            result[key] = _plain(value_node, path, (*location, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*location, index)] = f"{path}:{item.start_mark.line + 1}"
        return [_plain(item, path, (*location, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node, path)


def _scalar(node: Any, path: Path) -> Any:
    if unfit := unusable(node.value):
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} is not allowed: {unfit}")
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as error:  # an unknown tag, an invalid date
        why = getattr(error, "problem", None) or error
        raise UsageError(f"{path}:{node.start_mark.line + 1}: {node.value!r} cannot be read: {why}") from None


def merge_mappings(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Override `below` with `above` in place: mappings are merged, lists and values are replaced."""
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            merge_mappings(below[key], value)
        else:
            below[key] = value


def apply_settings(data: dict[str, Any], lines: Lines, settings: Iterable[str]) -> None:
    """Override values of `data` in place by `a.b=c` settings. Raises UsageError.

    A number in a key is an index of a list; values are YAML.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {setting}: write key=value, as in --set pack.row_tokens=512")
        if why := unusable(setting):
            raise UsageError(f"--set {setting}: {why}")
        try:
            value = _plain(yaml.compose(text, Loader=yaml.SafeLoader), Path(f"--set {setting}"), (), {})
        except (yaml.YAMLError, RecursionError):
            raise UsageError(f"--set {setting}: {text!r} is not a YAML value") from None
        steps: list[str | int] = [int(step) if INDEX.fullmatch(step) else step for step in name.split(".")]
        parent: Any = data
        try:
            for step in steps[:-1]:
                parent = parent.setdefault(step, {}) if isinstance(parent, dict) else parent[step]
            parent[steps[-1]] = value
        except (IndexError, TypeError, KeyError):
            raise UsageError(f"--set {setting}: there is no key '{name}'") from None
        lines[tuple(steps)] = f"--set {setting}"
