"""The pages that are made from the code: `python -m pipelines.cli.docs_pages` writes them, `--check` says which are
stale.

README's table of commands and docs/commands.md come from the command line itself, docs/recipe.md from the recipe's
model, docs/sources.md from the sources' docstrings, docs/recipes from the packaged recipes. What a page says can't
drift from what the code does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.cli.docs_recipe_pages import recipe_pages
from pipelines.errors import Failure, Incomplete, InputError, IntegrityError, UsageError
from pipelines.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- commands: made by `make format` -->", "<!-- end of commands -->"
HIDDEN = ("help", "install_completion", "show_completion")


def commands() -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command, in the order of --help."""
    from typer.main import get_command

    from pipelines.cli.commands import app

    group: Any = get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())
        else:
            yield name, command


def surface() -> dict[str, list[str]]:
    """Every command with its arguments and flags: what a script may rely on."""
    return {
        name: sorted(_written(parameter) for parameter in command.params if parameter.name not in HIDDEN)
        for name, command in commands()
    }


def _written(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return "/".join(sorted([*parameter.opts, *parameter.secondary_opts]))


def command_table() -> str:
    """README's table."""
    lines = [f"| `arcorp {name}` | {_summary(command)} |" for name, command in commands()]
    return "\n".join(["| command | what it does |", "|---|---|", *lines])


def commands_page() -> str:
    """docs/commands.md."""
    parts = [
        "# Commands\n\nMade from the command line itself by `make format`.\n\n"
        "Results go to stdout, logs to stderr; `--format json` makes both readable for programs.\n\n"
        "| exit code | meaning |\n|---|---|\n| 0 | done |\n"
    ]
    meanings = {
        Failure: "failure; the sentence on stderr says of what",
        UsageError: "the command, the recipe or a folder it names can't be meant so",
        InputError: "bad input: the data can't be used",
        IntegrityError: "integrity: something sealed was changed",
        Incomplete: "incomplete: something unfinished, where finished work is wanted",
    }
    parts += [f"| {kind.exit_code} | {meaning} |\n" for kind, meaning in meanings.items()]
    parts.append("| 130 | interrupted; the same command goes on |\n")
    for name, command in commands():
        parts.append(f"\n## arcorp {name}\n\n{_summary(command)}\n\n| | | default |\n|---|---|---|\n")
        for parameter in command.params:
            if parameter.name not in HIDDEN:
                parts.append(f"| `{_written(parameter)}` | {_help(parameter)} | {_default(parameter)} |\n")
    return "".join(parts)


def _summary(command: Any) -> str:
    return (command.help or "").strip().partition("\n")[0]


def _help(parameter: Any) -> str:
    return (getattr(parameter, "help", None) or "").partition(" [")[0].replace("|", "\\|")


def _default(parameter: Any) -> str:
    text = getattr(parameter, "help", None) or ""
    if text.endswith("]") and " [" in text:
        return text.rpartition(" [")[2].rstrip("]").replace("|", "\\|")
    if parameter.required:
        return "required"
    value = parameter.default
    shown = getattr(value, "value", value)
    return "" if shown is None or shown is False or parameter.name == "workers" else str(shown)


def recipe_page() -> str:
    """docs/recipe.md."""
    schema = Recipe.model_json_schema()
    parts = [
        "# The recipe\n\nMade from `pipelines/recipe/model.py` by `make format`. A recipe is one YAML file; unknown "
        "keys are refused with file, line and the key that was meant. `include: other.yaml` is read first and "
        "overridden, `--set a.b=c` comes last. `arcorp schema` prints the JSON schema for editors.\n\n"
    ]
    names = {definition: key for key, definition in _sections(schema)}
    parts.append(_table("", schema))
    for definition, key in names.items():
        parts.append(f"\n## {key}\n\n{schema['$defs'][definition]['description'].partition(chr(10))[0]}\n\n")
        parts.append(_table(key, schema["$defs"][definition]))
    return "".join(parts)


def _sections(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, name of its model) of every section, outer ones first; a model that comes twice is told once."""
    waiting = [("", schema)]
    seen: set[str] = set()
    while waiting:
        prefix, node = waiting.pop(0)
        for key, value in node["properties"].items():
            for name in _models(value):
                if name not in seen:
                    seen.add(name)
                    full = f"{prefix}.{key}".lstrip(".")
                    yield full, name
                    waiting.append((full, schema["$defs"][name]))


def _models(value: dict[str, Any]) -> list[str]:
    if "$ref" in value:
        return [value["$ref"].rpartition("/")[2]]
    inner = [*value.get("anyOf", []), *value.get("allOf", [])]
    inner += [value[key] for key in ("items", "additionalProperties") if isinstance(value.get(key), dict)]
    return [name for one in inner for name in _models(one)]


def _table(key: str, node: dict[str, Any]) -> str:
    required = set(node.get("required", []))
    lines = ["| key | what it is | default |", "|---|---|---|"]
    for name, value in node["properties"].items():
        default = "required" if name in required else _json(value.get("default"))
        lines.append(f"| `{name}` | {value.get('description', '')} | {default} |")
    return "\n".join(lines) + "\n"


def _json(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`".replace("|", "\\|")


def pages() -> dict[Path, str]:
    """Every page, with what it should say."""
    from corpora.sources import page

    readme = (ROOT / "README.md").read_text("utf-8")
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise Failure(f"README.md has no place for the commands: it needs the lines {BEGIN} and {END}")
    return {
        ROOT / "README.md": f"{head}{BEGIN}\n{command_table()}\n{END}{tail}",
        ROOT / "docs" / "commands.md": commands_page(),
        ROOT / "docs" / "recipe.md": recipe_page(),
        ROOT / "docs" / "sources.md": page(),
        **recipe_pages(ROOT),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are stale."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what the code says: run `make format`\n")
        return 1 if stale else 0
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
