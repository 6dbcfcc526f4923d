"""Recipes: read one, change it, build it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arcorp.failures import failures

if TYPE_CHECKING:
    from pipelines.build import Result
    from pipelines.recipe import Recipe


def load_recipe(name: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: path of a YAML file, or name of a packaged recipe (`arcorp recipes` lists them).
        settings: values set over the file's, as `--set` takes them: "pack.row_tokens=512".

    Raises:
        Failure: no such recipe, or an invalid key or value; the message names file and line.

    Examples:
        >>> recipe = arcorp.load_recipe("demo", ["pack.row_tokens=128"])
        >>> recipe.name, recipe.pack.row_tokens
        ('demo', 128)
    """
    from pipelines.recipe import find_recipe
    from pipelines.recipe import load_recipe as load

    with failures():
        return load(find_recipe(str(name)), settings)


def build(recipe: Recipe | str | Path, out: str | Path, *, until: str | None = None, workers: int = 1) -> Result:
    """Build a recipe, or what is missing of it, on this machine.

    A build that was killed resumes.

    Args:
        recipe: a recipe, or what `load_recipe` takes.
        out: folder of the build.
        until: last stage: ingest, dedup, tokenizer, tokenize, pack, verify, train or report; None for all.
        workers: processes; the result does not depend on them.

    Returns:
        The sealed folders with their digests.

    Raises:
        Failure: what the command `arcorp build` refuses.
    """
    from pipelines.build import build as build_all
    from pipelines.console import Console, Format
    from pipelines.run import Context

    chosen = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    with failures():
        return build_all(chosen, Path(out), until, Context(workers), Console(Format.quiet))
