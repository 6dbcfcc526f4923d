"""Runs that follow each other on one dataset: each starts from the weights of an earlier one.

A run has its own phases and its own schedule. The values of the recipe's `train` are defaults of each run's `train`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from pipelines.recipe.base import Misfit, Name, Options
from pipelines.recipe.dataset_options import PhaseOptions
from pipelines.recipe.train_options import TrainOptions
from pipelines.recipe.validation import did_you_mean
from sharding.options import SCHEDULE


class RunOptions(Options):
    """One of several runs that follow each other on the dataset, such as base, mid and sft."""

    name: Name = Field(description="name of the run and of its folder, below runs/")
    init_from: Name | None = Field(None, description="earlier run whose weights this run starts from")
    phases: list[PhaseOptions] | None = Field(None, min_length=1, description="phases of this run, in order")
    schedule: Name | None = Field(
        None, description="schedule in the dataset's folder, of `arcorp mix --out DATASET/FILE`, in place of phases"
    )
    train: TrainOptions = Field(
        TrainOptions(), description="training of this run; other values are those of the recipe's section train"
    )

    def check(self) -> None:
        """Raise Misfit unless the run has phases or a schedule, and at most one start."""
        if (self.phases is None) == (self.schedule is None):
            raise Misfit(f"run '{self.name}' needs either phases or a schedule: give one of them")
        if self.init_from is not None and self.train.init_from is not None:
            raise Misfit(f"run '{self.name}' starts from run '{self.init_from}': remove it", "train", "init_from")


def schedule_names(runs: Sequence[RunOptions]) -> dict[str, str]:
    """Return the file name of each run's schedule in the dataset's folder, by the name of the run.

    The first run has that of a dataset, so that whatever reads the dataset alone finds it.
    """
    first = runs[0].name
    return {run.name: run.schedule or (SCHEDULE if run.name == first else f"schedule-{run.name}.json") for run in runs}


def with_defaults(values: Any, defaults: Any) -> Any:
    """Return the values of a section, completed by those of another. Only what is a section is changed."""
    if not isinstance(values, Mapping) or not isinstance(defaults, Mapping):
        return values
    inner = {key: with_defaults(values[key], value) for key, value in defaults.items() if key in values}
    return {**defaults, **values, **inner}


def check_order(runs: Sequence[RunOptions]) -> None:
    """Raise Misfit for a repeated name, a start that is no earlier run, or a model of another shape than its start."""
    earlier: dict[str, RunOptions] = {}
    for number, run in enumerate(runs):
        if run.name.casefold() in (name.casefold() for name in earlier):  # folders of some disks ignore case
            raise Misfit(f"two runs have the name '{run.name}': rename one", number, "name")
        if run.init_from is not None:
            _check_start(run, run.init_from, earlier, runs[number:], number)
        earlier[run.name] = run
    if runs[0].schedule is not None:
        raise Misfit("the first run's schedule is written with the dataset: give it phases", 0, "schedule")


def _check_start(
    run: RunOptions, name: str, earlier: Mapping[str, RunOptions], later: Sequence[RunOptions], number: int
) -> None:
    """Raise Misfit unless the run can start from the run of this name."""
    start = earlier.get(name)
    if start is None:
        hint = did_you_mean(name, earlier) or (f": name one of {', '.join(earlier)}" if earlier else ": remove it")
        what = "is no earlier run" if name in [run.name for run in later] else "is no run"
        raise Misfit(f"'{name}' {what}{hint}", number, "init_from")
    for (option, ours), theirs in zip(run.train.shape.items(), start.train.shape.values(), strict=True):
        if ours != theirs:
            raise Misfit(
                f"it is {ours}, and run '{name}', whose weights it starts from, has {theirs}: give both the same, "
                "in the recipe's section train",
                *(number, "train", option),
            )
