"""Runs that follow each other: their curves one after the other, and the sections of each run.

The figures of a run are those of a single run (`pipelines.report.training`), with its name and the run it starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from pipelines.html import Figures, Line, Section, charts, count, decimal, figure, plural, section, share, table
from pipelines.report import training
from pipelines.report.folders import Folders
from pipelines.stages.build_folder import RUNS


def gather(folders: Folders) -> list[dict[str, Any]] | None:
    """Return the figures of each of several runs, in their order; None without them."""
    runs = []
    for place, run in folders.runs.items():
        if place.startswith(f"{RUNS}/"):
            starts = [name for name in run.manifest.inputs if name.startswith(f"{RUNS}/")]
            head = {
                "name": place.removeprefix(f"{RUNS}/"),
                "start": starts[0].removeprefix(f"{RUNS}/") if starts else None,
            }
            runs.append({**head, **training.figures_of(run, folders.schedules.get(place))})
    return runs or None


# -- the page ---------------------------------------------------------------------------------------------


def render(runs: Sequence[Figures]) -> list[Section]:
    """Return a section on all runs, and those of each run."""
    sections = [section("runs", "Runs", _lead(runs), _curves(runs), _table(runs))] if len(runs) > 1 else []
    for run in runs:
        sections += training.render(run, run["name"], run["start"])
    return sections


def _lead(runs: Sequence[Figures]) -> str:
    steps = ", ".join(f"{run['name']} {plural(run['steps'], 'step')}" for run in runs)
    return f"{plural(len(runs), 'run')} on this dataset, each on rows of its own mixture: {steps}."


def _curves(runs: Sequence[Figures]) -> Any:
    """Return the loss of all runs, one after the other."""
    firsts = list(accumulate((run["steps"] for run in runs[:-1]), initial=0))
    lines = [
        Line(run["name"], [(first + point["step"], point["loss"]) for point in run["curve"]], colour)
        for colour, (first, run) in enumerate(zip(firsts, runs, strict=True), 1)
        if run["curve"]
    ]
    return figure(
        "Training loss of all runs",
        "Nats per token, over the steps of all runs. Each run has other text, so that a jump is no fault.",
        charts.lines(
            "Training loss of all runs",
            "By step, one run after the other.",
            lines,
            marks=[(first, run["name"]) for first, run in zip(firsts, runs, strict=True)],
        ),
    )


def _table(runs: Sequence[Figures]) -> Any:
    columns = ["run", "starts from", "#steps", "#tokens", "phases", "#bits/byte before", "#after", "#right answers"]
    rows = []
    for run in runs:
        bits = (run["bits_per_byte"][when] for when in ("before", "after"))
        answers = run["answers"]
        rows.append(
            (
                run["name"],
                run["start"] or "",
                count(run["steps"]),
                count(run["tokens"]) if run["tokens"] is not None else "",
                ", ".join(phase["name"] for phase in run["phases"]),
                *(decimal(value) if value else "" for value in bits),
                share(answers["exact"] / answers["asked"]) if answers else "",
            )
        )
    return table(columns, rows)
