"""The command line: `arcorp`, and `python -m pipelines.cli`."""

from pipelines.cli.commands import app, main, run

__all__ = ["app", "main", "run"]
