"""The command line: `arcorp`, and `python -m pipelines.cli`."""

from pipelines.cli.commands import command_line
from pipelines.cli.entry import main, run

__all__ = ["command_line", "main", "run"]
