"""The commands that list what there is: sources, recipes, the schema, the environment."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.flags import Debug, Form
from pipelines.console import Console, Format


def sources(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Source to show with its options.")] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """List the sources, or show one with its options."""
    from pipelines.cli.show_sources import show_source, show_sources

    if name is not None:
        show_source(name, Console(format))
    else:
        show_sources(Console(format))


def recipes(format: Form = Format.human, debug: Debug = False) -> None:
    """List the packaged recipes."""
    from pipelines.recipe import load_recipe, packaged

    console = Console(format)
    rows = [(name, load_recipe(path).description) for name, path in packaged().items()]
    console.table(["recipe", "what it is"], rows)
    console.result(dict(rows), f"{len(rows)} recipe{'s' if len(rows) != 1 else ''}; arcorp build NAME --out DIR")


def schema(debug: Debug = False) -> None:
    """Print the JSON schema of a recipe, for editors."""
    from pipelines.recipe import Recipe

    Console(Format.json).result(Recipe.model_json_schema(), "")


def doctor(format: Form = Format.human, debug: Debug = False) -> None:
    """Check the environment, and list missing packages."""
    from pipelines.cli.doctor import examine

    examine(Console(format))
