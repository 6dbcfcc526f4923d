"""Shares before and after mixing, and the phases of the schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html import charts
from pipelines.html.charts import Bar, Label, Piece, Stack
from pipelines.html.elements import (
    Figures,
    count,
    decimal,
    figure,
    folded,
    language,
    legend,
    named,
    plural,
    section,
    share,
    table,
)
from pipelines.html.markup import Markup, join, tag


def mixing(figures: Figures) -> Markup:
    groups, by = figures["groups"], figures["by"]
    colours = {group["group"]: number for number, group in enumerate(groups, 1)}
    bars = [
        (
            Label(_group(by, group["group"]), f"× {group['repeats']:.2f}"),
            [
                Bar(group["natural"], share(group["natural"]), f"natural: {share(group['natural'])}", 0),
                Bar(group["final"], share(group["final"]), f"final: {share(group['final'])}", 1),
            ],
        )
        for group in groups
    ]
    chart = charts.bars("Shares before and after mixing", f"For each {by}: the natural share, the final one.", bars)
    cap = f"; no row is read more than {figures['max_epochs']:g} times" if figures["max_epochs"] else ""
    return section(
        "mixing",
        "Shares before and after mixing",
        f"{plural(figures['steps'], 'step')} of {figures['batch_rows']} rows, each of {figures['row_tokens']} tokens: "
        f"a schedule of integer quotas, laid on rows that are stored once{cap}.",
        figure(
            f"Natural and final shares by {by}",
            "Natural: as the rows are. Final: as they are trained on, over all phases. × says how much more or less "
            "often than by nature.",
            chart,
            _share_table(by, "group", groups, by),
            legend({"natural": 0, "final": 1}),
        ),
        _phases(figures, colours),
        folded("Every stratum", _share_table("stratum", "stratum", figures["strata"], None)),
    )


def _group(by: str, name: str) -> str:
    return f"{language(name)} ({name})" if by == "language" and language(name) != name else name


def _share_table(column: str, key: str, lines: Sequence[Figures], by: str | None) -> Markup:
    return table(
        [column, "#rows", "#natural", "#final", "#×", "#rows drawn", "#epochs"],
        [
            (
                named(line[key]) if by == "language" else line[key],
                count(line["rows"]),
                share(line["natural"]),
                share(line["final"]),
                decimal(line["repeats"], 2),
                count(line["drawn"]),
                decimal(line["epochs"], 2),
            )
            for line in lines
        ],
    )


def _phases(figures: Figures, colours: Mapping[str, int]) -> Markup:
    by, stacked = figures["by"], []
    for phase in figures["phases"]:
        rows = sum(phase["rows"].values()) or 1
        pieces = [
            Piece(phase["rows"][group], f"{phase['name']}, {group}: {share(phase['rows'][group] / rows)}", colour)
            for group, colour in colours.items()
            if phase["rows"].get(group)
        ]
        stacked.append(Stack(phase["name"], pieces, width=phase["steps"]))
    chart = charts.timeline("Phases", f"Phases over steps, each with its shares by {by}.", stacked)
    lines = [
        (
            phase["name"],
            f"{count(phase['first_step'])} to {count(phase['first_step'] + phase['steps'])}",
            count(phase["tokens"]),
            tag("code", phase["formula"]),
            *(share(phase["rows"].get(group, 0) / (sum(phase["rows"].values()) or 1)) for group in colours),
        )
        for phase in figures["phases"]
    ]
    return join(
        [
            figure(
                "Phases over the run",
                f"Left to right: steps. Top to bottom: what a step is made of, by {by}.",
                chart,
                legend=legend({_group(by, group): colour for group, colour in colours.items()}),
            ),
            table(["phase", "steps", "#tokens", "formula", *(f"#{group}" for group in colours)], lines),
        ]
    )
