"""Tasks that a trained model is scored on."""

from __future__ import annotations

from pydantic import Field

from pipelines.recipe.base import Options, PositiveInt


class EvaluateOptions(Options):
    """Scores of each run, once it is trained."""

    tasks: list[str] = Field(
        [],
        description="suites, names of lm-evaluation-harness or paths, as after `arcorp evaluate --tasks`; []: none",
    )
    limit: PositiveInt | None = Field(None, description="most documents of each task; null: all")
