"""The run: its curves, its validation, its speed, and the text that the model writes."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.html import charts
from pipelines.html.charts import Bar, Label, Line
from pipelines.html.elements import (
    Figures,
    count,
    decimal,
    figure,
    language,
    legend,
    named,
    passage,
    plural,
    section,
    share,
    table,
)
from pipelines.html.markup import Markup, join, tag


def training(figures: Figures, shares: Figures | None) -> Markup:
    model, before, after = figures["model"], figures["bits_per_byte"]["before"], figures["bits_per_byte"]["after"]
    shape = ", ".join(
        f"{name} {count(model[key])}"
        for name, key in (("layers", "layers"), ("width", "width"), ("heads", "heads"))
        if key in model
    )
    result = (
        f" Validation went from {decimal(before)} to {decimal(after)} bits per byte, "
        f"{share(after / before)} of what it was."
        if before and after
        else ""
    )
    marks = [(phase["first_step"], phase["name"]) for phase in shares["phases"]] if shares else []
    return section(
        "training",
        "Training",
        f"A decoder of {count(model.get('parameters'))} parameters (preset {figures['preset']}: {shape}), "
        f"{plural(figures['steps'], 'step')}"
        + (f", {count(figures['tokens'])} tokens" if figures["tokens"] else "")
        + f", {plural(figures['ranks'], 'process').replace('processs', 'processes')}.{result}",
        _curves(figures["curve"], marks),
        _validation(figures["validation"]),
        _throughput(figures["timings"]),
    )


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
                "Nats per token; every point stands for a stretch of steps, the band for its least and greatest."
                if any(point["least"] < point["most"] for point in points)
                else "Nats per token, step by step.",
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
                    "Peak of the schedule, before each parameter group's own factor.",
                    charts.lines("Learning rate", "By step.", [rate], height=110, from_zero=True),
                ),
                figure(
                    "Gradient norm",
                    "Before clipping; the greatest of each stretch.",
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
    by = next((name for name in ("by_language", "by_category", "by_source") if name in last), None)
    groups = {name: (first.get(by, {}).get(name), one) for name, one in _largest(last[by])} if by else {}
    lines = {"all": (first, last), **groups}
    bars = [
        (
            Label("All" if name == "all" else language(name), _ratio(before, after)),
            [
                Bar(one["bits_per_byte"], decimal(one["bits_per_byte"]), f"bits per byte {when}", colour)
                for one, when, colour in ((before, "before", 0), (after, "after", 1))
                if one and one["bits_per_byte"] is not None
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
                "On documents that were never trained on. Alphabets differ in bytes per letter, so that bits per byte "
                "compare a language with itself; bits per character are in the table.",
                charts.bars("Validation bits per byte", "Before and after training.", bars),
                legend=legend({"before": 0, "after": 1}),
            ),
            table(columns, rows),
            _course(validations, list(groups), by) if len(validations) > 2 else None,
        ]
    )


def _largest(groups: Figures) -> list[tuple[str, Figures]]:
    """Groups with the most text first."""
    return sorted(groups.items(), key=lambda item: (-item[1]["bytes"], item[0]))


def _ratio(before: Figures | None, after: Figures) -> str:
    """What is left of the bits per byte; nothing where there is no text to measure by."""
    if not before or not before["bits_per_byte"] or after["bits_per_byte"] is None:
        return ""
    return share(after["bits_per_byte"] / before["bits_per_byte"])


def _course(validations: Sequence[Figures], groups: Sequence[str], by: str | None) -> Markup:
    whole = [(one["step"], one["bits_per_byte"]) for one in validations if one["bits_per_byte"] is not None]
    curves = [Line("all", whole, 1, dots=True)]
    for colour, name in enumerate(groups, 2):
        points = [
            (one["step"], one[by][name]["bits_per_byte"])
            for one in validations
            if by and name in one.get(by, {}) and one[by][name]["bits_per_byte"] is not None
        ]
        curves.append(Line(language(name), points, min(colour, charts.COLOURS), dots=True))
    return figure(
        "Validation over the run",
        "Bits per byte. Between start and end a fixed choice of rows is taken, so that those points may stand a "
        "little off the line from first to last.",
        charts.lines("Validation bits per byte over the run", "By step and language.", curves),
        legend=legend({curve.name: curve.colour for curve in curves}),
    )


def _throughput(timings: Figures | None) -> Markup | None:
    if timings is None:
        return None
    speed = Line("tokens per second", [(one["step"], one["tokens_per_second"]) for one in timings["points"]], 7)
    return figure(
        "Throughput",
        f"{count(timings['tokens_per_second'])} tokens per second in the median, {timings['seconds']:,.0f} s of "
        f"training steps in all, {timings['data_wait_ms']:.1f} ms a step spent waiting for data. The one figure here "
        "that no two runs share.",
        charts.lines("Throughput", "Tokens per second by step.", [speed], height=130, show=count, from_zero=True),
    )


def samples(found: Sequence[Figures]) -> Markup | None:
    if not found:
        return None
    cards = [
        tag(
            "div",
            tag("p", one["stratum"], class_="small"),
            passage([tag("span", one["prompt"], class_="prompt"), one["text"]], one["language"]),
            class_="card",
        )
        for one in found
    ]
    return section(
        "samples",
        "Generated samples",
        "The model goes on from the beginnings of validation documents, which stand in grey.",
        *cards,
    )
