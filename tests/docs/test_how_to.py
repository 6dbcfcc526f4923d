"""The commands of the pages exist, with their options, and their blocks of YAML are YAML."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from pipelines.cli import command_line

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ("docs/slurm.md", "docs/index.md", "README.md")
PAGES = [*sorted((ROOT / "docs/how-to").glob("*.md")), *(ROOT / name for name in OTHERS)]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The words of each arcorp command in blocks of shell; a line that ends with a backslash continues."""
    blocks = [body for kind, body in BLOCK.findall(text) if kind in ("", "console", "bash", "sh")]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if re.match(r"(\$ )?arcorp ", line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page):
    root = typer.main.get_command(command_line())
    for words in commands(page.read_text("utf-8")):
        command, rest = root, [word for word in words if word != "$"][1:]
        while hasattr(command, "commands"):
            assert rest, words
            assert rest[0] in command.commands, words
            command, rest = command.commands[rest[0]], rest[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= known | {"--help"}, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_yaml_can_be_read(page):
    for kind, body in BLOCK.findall(page.read_text("utf-8")):
        if kind == "yaml":
            assert yaml.safe_load(body), page
