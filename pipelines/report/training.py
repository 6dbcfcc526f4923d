"""Training: the run's curves, validation and speed. `losses` and `generated` have the sections of its text.

The figures are those of `metrics.jsonl`, which is a function of dataset and configuration, and of `timings.jsonl`.
Timings are not sealed: they alone can differ between two runs of the same build.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Any

from pipelines.html import (
    INK,
    MANY,
    Bar,
    Figures,
    Label,
    Line,
    Markup,
    Section,
    charts,
    colours_of,
    count,
    decimal,
    figure,
    join,
    language,
    language_colours,
    legend,
    named,
    plural,
    section,
    share,
    table,
    tag,
)
from pipelines.report import generated, losses
from pipelines.report.folders import GROUPINGS, Folders
from pipelines.stages.build_folder import RUN
from sharding.seal import Sealed, parsed

POINTS = 240
"""The most points of a curve; each stands for a range of steps."""

MEASURES = ("bits_per_byte", "bits_per_char", "loss", "rows", "bytes")
BY = tuple(f"by_{name}" for name in GROUPINGS)
"""Keys of a validation's measures by attribute, the preferred attribute first."""


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return the figures of the run; None without one."""
    run = folders.get(RUN)
    return figures_of(run, folders.schedules.get(RUN)) if run else None


def figures_of(run: Sealed, schedule: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the figures of one run and its schedule."""
    lines = [json.loads(line) for line in run.read("metrics.jsonl").decode().splitlines()]
    steps = [line for line in lines if "loss" in line]
    validations = [{"step": line["step"], **_measures(line["validation"])} for line in lines if "validation" in line]
    config = run.read_json("config.json")
    first, last = (validations[0], validations[-1]) if validations else ({}, {})
    done = steps[-1]["step"] if steps else 0
    return {
        "steps": done,
        "tokens": done * schedule["batch_rows"] * schedule["row_tokens"] if schedule else None,
        "model": config.get("model", {}),
        "preset": config.get("preset"),
        "optimizer": config.get("optimizer"),
        "ranks": run.manifest.options.get("ranks", 1),
        "phases": _first_steps(schedule["phases"]) if schedule else [],
        "curve": _thinned(steps),
        "validation": validations,
        "bits_per_byte": {
            "before": first.get("bits_per_byte"),
            "after": last.get("bits_per_byte"),
            "steps": [first.get("step"), last.get("step")],
        },
        "order_hash": steps[-1]["order_hash"] if steps else None,
        **generated.gather(run),
        "losses": losses.gather(run),
        "timings": _timings(run),
    }


def _first_steps(phases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the first step and the name of each phase."""
    first_steps = accumulate((phase["steps"] for phase in phases[:-1]), initial=0)
    return [{"name": phase["name"], "first_step": first} for phase, first in zip(phases, first_steps, strict=True)]


def _measures(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measures of one validation: of all rows, and by each attribute that strata are split by."""
    groups = {
        key: {name: {measure: group[measure] for measure in MEASURES} for name, group in sorted(result[key].items())}
        for key in BY
        if key in result
    }
    return {**{measure: result[measure] for measure in MEASURES}, **groups}


def _thinned(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Return a point for each range of steps: the last step, mean, least and greatest loss, rate, gradient norm."""
    length = max(1, -(-len(lines) // POINTS))
    points = []
    for first in range(0, len(lines), length):
        steps = lines[first : first + length]
        losses = [line["loss"] for line in steps]
        points.append(
            {
                "step": steps[-1]["step"],
                "loss": sum(losses) / len(losses),
                "least": min(losses),
                "most": max(losses),
                "lr": steps[-1]["lr"],
                "grad_norm": max(line["grad_norm"] for line in steps),
            }
        )
    return points


def _timing(line: bytes) -> dict[str, float] | None:
    """A line of timings.jsonl; None for one that was torn or changed, since no seal proves that file."""
    keys = ("step", "tokens_per_second", "data_wait_ms", "seconds")
    try:
        timing = parsed(line)
        sound = all(type(timing[key]) in (int, float) for key in keys)
    except (ValueError, KeyError, TypeError):
        return None
    return timing if sound else None


def _timings(run: Sealed) -> dict[str, Any] | None:
    """Return the speed of the run. A step that was repeated after an interruption counts once, as it was last."""
    path = run.path / "timings.jsonl"
    if not path.is_file():
        return None
    by_step = {}
    for line in path.read_bytes().splitlines():
        timing = _timing(line)
        if timing is not None:
            by_step[timing["step"]] = timing
    timings = [by_step[step] for step in sorted(by_step)]
    if not timings:
        return None
    length = max(1, -(-len(timings) // POINTS))
    ranges = (timings[first : first + length] for first in range(0, len(timings), length))
    return {
        "tokens_per_second": median(timing["tokens_per_second"] for timing in timings),
        "data_wait_ms": median(timing["data_wait_ms"] for timing in timings),
        "seconds": sum(timing["seconds"] for timing in timings),
        "points": [
            {"step": steps[-1]["step"], "tokens_per_second": median(step["tokens_per_second"] for step in steps)}
            for steps in ranges
        ],
    }


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures, name: str = "", start: str | None = None) -> list[Section]:
    """Return the sections on a run and on its text. name: of one of several runs; start: the run before."""
    of, anchor = (f": {name}", f"-{name}") if name else ("", "")
    begins = f", from the weights of {start}" if start else ""
    model, before, after = figures["model"], figures["bits_per_byte"]["before"], figures["bits_per_byte"]["after"]
    shape = ", ".join(f"{key} {count(model[key])}" for key in ("layers", "width", "heads") if key in model)
    tokens = f", {count(figures['tokens'])} tokens" if figures["tokens"] else ""
    result = (
        f" Validation changed from {decimal(before)} to {decimal(after)} bits per byte, to {share(after / before)} of "
        "its first value."
        if before and after
        else ""
    )
    return [
        section(
            f"training{anchor}",
            f"Training{of}",
            f"A decoder of {count(model.get('parameters'))} parameters (preset {figures['preset']}: {shape}), "
            f"{plural(figures['steps'], 'step')}{tokens}, {plural(figures['ranks'], 'process', 'processes')}"
            f"{begins}.{result}",
            _curves(figures["curve"], [(phase["first_step"], phase["name"]) for phase in figures["phases"]]),
            _validation(figures["validation"]),
            _throughput(figures["timings"]),
        ),
        *losses.render(figures["losses"], of, anchor),
        *generated.render(figures, of, anchor),
    ]


def _curves(points: Sequence[Figures], marks: Sequence[tuple[float, str]]) -> Markup | None:
    if not points:
        return None
    loss = Line(
        "loss",
        [(point["step"], point["loss"]) for point in points],
        band=[(point["least"], point["most"]) for point in points],
    )
    rate = Line("learning rate", [(point["step"], point["lr"]) for point in points], 3)
    norm = Line("gradient norm", [(point["step"], point["grad_norm"]) for point in points], 4)
    numbers = table(
        ["#step", "#loss", "#least", "#most", "#learning rate", "#gradient norm"],
        [
            (
                count(point["step"]),
                *(decimal(point[key], 4) for key in ("loss", "least", "most")),
                f"{point['lr']:.3g}",
                decimal(point["grad_norm"]),
            )
            for point in points
        ],
    )
    last = points[-1]
    return join(
        [
            figure(
                "Training loss",
                "Nats per token. A point is the mean of a range of steps; the band is its least and greatest loss."
                if any(point["least"] < point["most"] for point in points)
                else "Nats per token, for each step.",
                charts.lines(
                    "Training loss",
                    f"From {decimal(points[0]['loss'])} at step {points[0]['step']} to {decimal(last['loss'])} at "
                    f"step {last['step']}.",
                    [loss],
                    marks=marks if len(marks) > 1 else (),
                ),
                numbers,
            ),
            tag(
                "div",
                figure(
                    "Learning rate",
                    "The rate of the schedule, before the factor of each parameter group.",
                    charts.lines("Learning rate", "By step.", [rate], height=110, from_zero=True),
                ),
                figure(
                    "Gradient norm",
                    "Before clipping; the greatest of each range of steps.",
                    charts.lines("Gradient norm", "By step.", [norm], height=110, from_zero=True),
                ),
                class_="pair",
            ),
        ]
    )


def _validation(validations: Sequence[Figures]) -> Markup | None:
    if not validations:
        return None
    first, last = validations[0], validations[-1]
    by = next((key for key in BY if key in last), None)
    groups = {name: (first.get(by, {}).get(name), group) for name, group in _largest(last[by])} if by else {}
    lines = {"all": (first, last), **groups}
    colours = _group_colours(by, list(groups))
    bars = [
        (
            Label("All" if name == "all" else language(name), _ratio(before, after)),
            [
                Bar(group["bits_per_byte"], decimal(group["bits_per_byte"]), f"bits per byte {when}", colour)
                for group, when, colour in ((before, "before", 0), (after, "after", colours[name]))
                if group and group["bits_per_byte"] is not None
            ],
        )
        for name, (before, after) in lines.items()
    ]
    rows = [
        (
            "all" if name == "all" else named(name),
            decimal(before["bits_per_byte"] if before else None),
            decimal(after["bits_per_byte"]),
            _ratio(before, after) or "–",
            decimal(before["bits_per_char"] if before else None),
            decimal(after["bits_per_char"]),
            count(after["rows"]),
        )
        for name, (before, after) in lines.items()
    ]
    columns = ["", "#bits/byte before", "#after", "#ratio", "#bits/char before", "#after", "#rows"]
    return join(
        [
            figure(
                f"Validation bits per byte, step {count(first['step'])} and step {count(last['step'])}",
                "On documents that the model was not trained on. Alphabets differ in bytes per letter: compare bits "
                "per byte within a language only. The table has bits per character.",
                charts.bars("Validation bits per byte", "Before and after training.", bars),
                legend=legend({"before": 0, "after": MANY}),
            ),
            table(columns, rows),
            _course(validations, list(groups), by) if len(validations) > 2 else None,
        ]
    )


def _largest(groups: Figures) -> list[tuple[str, Figures]]:
    """Sort groups, those with the most text first."""
    return sorted(groups.items(), key=lambda item: (-item[1]["bytes"], item[0]))


def _ratio(before: Figures | None, after: Figures) -> str:
    """Format bits per byte after ÷ before; return "" where there is no text to measure."""
    if not before or not before["bits_per_byte"] or after["bits_per_byte"] is None:
        return ""
    return share(after["bits_per_byte"] / before["bits_per_byte"])


def _group_colours(by: str | None, groups: Sequence[str]) -> dict[str, int]:
    """Return the colour of each group, and that of all together."""
    return {"all": INK} | (language_colours(groups) if by == "by_language" else colours_of(groups))


def _course(validations: Sequence[Figures], groups: Sequence[str], by: str | None) -> Markup:
    every = [(line["step"], line["bits_per_byte"]) for line in validations if line["bits_per_byte"] is not None]
    colours = _group_colours(by, groups)
    curves = [Line("all", every, colours["all"], dots=True)]
    for name in groups:
        points = [
            (line["step"], line[by][name]["bits_per_byte"])
            for line in validations
            if by and name in line.get(by, {}) and line[by][name]["bits_per_byte"] is not None
        ]
        curves.append(Line(language(name), points, colours[name], dots=True))
    return figure(
        "Validation over the run",
        "Bits per byte. The first and the last point are measured on all validation rows, those between on a fixed "
        "sample of them.",
        charts.lines("Validation bits per byte over the run", "By step and language.", curves),
        legend=legend({curve.name: curve.colour for curve in curves}),
    )


def _throughput(timings: Figures | None) -> Markup | None:
    if timings is None:
        return None
    speed = Line("tokens per second", [(point["step"], point["tokens_per_second"]) for point in timings["points"]], 7)
    return figure(
        "Throughput",
        f"{count(timings['tokens_per_second'])} tokens per second (median), {timings['seconds']:,.0f} s of training "
        f"steps in total, {timings['data_wait_ms']:.1f} ms of waiting for data per step (median). These are the only "
        "figures that differ between runs of the same build.",
        charts.lines("Throughput", "Tokens per second by step.", [speed], height=130, show=count, from_zero=True),
    )
