"""Pages generated from the code: `python -m pipelines.cli.docs_pages` writes them, `--check` lists stale ones.

README's table of commands and docs/commands.md are generated from the command line, docs/recipe.md from the recipe's
model, docs/sources.md from the sources' docstrings, docs/recipes from the packaged recipes, docs/claims.md from
docs/claims.yaml and the newest results of benchmarks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.cli.docs_claims import claims_page
from pipelines.cli.docs_recipe_pages import recipe_pages
from pipelines.errors import Failure, Incomplete, InputError, IntegrityError, UsageError
from pipelines.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- commands: made by `make format` -->", "<!-- end of commands -->"
HIDDEN = ("help", "install_completion", "show_completion")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield (full name, command) of every command, in the order of --help."""
    from typer.main import get_command

    from pipelines.cli.commands import command_line

    group: Any = get_command(command_line())
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", member) for inner, member in command.commands.items())
        else:
            yield name, command


def surface() -> dict[str, list[str]]:
    """Return the arguments and flags of every command, which scripts rely on."""
    return {
        name: sorted(_written(parameter) for parameter in command.params if parameter.name not in HIDDEN)
        for name, command in commands()
    }


def _written(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return "/".join(sorted([*parameter.opts, *parameter.secondary_opts]))


def command_table() -> str:
    """Return the table of commands in README."""
    lines = [f"| `arcorp {name}` | {_summary(command)} |" for name, command in commands()]
    return "\n".join(["| command | description |", "|---|---|", *lines])


def commands_page() -> str:
    """Return docs/commands.md."""
    parts = [
        "# Commands\n\nGenerated from the command line by `make format`.\n\n"
        "Results are written to stdout, logs to stderr. `--format json` writes both as JSON.\n\n"
        "| exit code | meaning |\n|---|---|\n| 0 | done |\n"
    ]
    meanings = {
        Failure: "failure; stderr has one sentence on it",
        UsageError: "usage: the command, the recipe or a folder in it is invalid",
        InputError: "bad input: the data cannot be used",
        IntegrityError: "integrity: a sealed file was changed",
        Incomplete: "incomplete: the work is unfinished",
    }
    parts += [f"| {kind.exit_code} | {meaning} |\n" for kind, meaning in meanings.items()]
    parts.append("| 130 | interrupted; the same command resumes |\n")
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
    """Return docs/recipe.md."""
    schema = Recipe.model_json_schema()
    parts = [
        "# The recipe\n\nGenerated from `pipelines/recipe` by `make format`. A recipe is one YAML file. An unknown "
        "key is refused with its file and line. The file overrides `include: other.yaml`, and `--set a.b=c` overrides "
        "the file. `arcorp schema` prints the JSON schema for editors.\n\n"
    ]
    names = {definition: key for key, definition in _sections(schema)}
    parts.append(_table("", schema))
    for definition, key in names.items():
        parts.append(f"\n## {key}\n\n{schema['$defs'][definition]['description'].partition(chr(10))[0]}\n\n")
        parts.append(_table(key, schema["$defs"][definition]))
    return "".join(parts)


def _sections(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, name of its model) of every section, outer ones first; each model once."""
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
    members = [*value.get("anyOf", []), *value.get("allOf", [])]
    members += [value[key] for key in ("items", "additionalProperties") if isinstance(value.get(key), dict)]
    return [name for member in members for name in _models(member)]


def _table(key: str, node: dict[str, Any]) -> str:
    required = set(node.get("required", []))
    lines = ["| key | description | default |", "|---|---|---|"]
    for name, value in node["properties"].items():
        default = "required" if name in required else _json(value.get("default"))
        lines.append(f"| `{name}` | {value.get('description', '')} | {default} |")
    return "\n".join(lines) + "\n"


def _json(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`".replace("|", "\\|")


def pages() -> dict[Path, str]:
    """Return the text of every page by path."""
    from corpora.sources import page

    readme = (ROOT / "README.md").read_text("utf-8")
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise Failure(f"README.md has no table of commands: add the lines {BEGIN} and {END}")
    return {
        ROOT / "README.md": f"{head}{BEGIN}\n{command_table()}\n{END}{tail}",
        ROOT / "docs" / "commands.md": commands_page(),
        ROOT / "docs" / "recipe.md": recipe_page(),
        ROOT / "docs" / "sources.md": page(),
        ROOT / "docs" / "claims.md": claims_page(ROOT),
        **recipe_pages(ROOT),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or list the stale ones with --check. Return the exit code."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run `make format`\n")
        return 1 if stale else 0
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
