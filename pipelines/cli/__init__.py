"""The command line: `arcorp`, and `python -m pipelines.cli`."""

from pipelines.cli.commands import app
from pipelines.cli.entry import main, run

__all__ = ["app", "main", "run"]
