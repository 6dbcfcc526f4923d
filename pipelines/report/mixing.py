"""Mixing: shares of each stratum and group before and after mixing, and the phases of the schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.html import (
    MANY,
    Bar,
    Figures,
    Label,
    Markup,
    Piece,
    Section,
    Stack,
    charts,
    colours_of,
    count,
    decimal,
    figure,
    folded,
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
from pipelines.report.folders import GROUPINGS, Folders
from pipelines.stages.build_folder import DATASET


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return natural and final shares by stratum and by group, and rows of each phase by group.

    Groups are languages where strata are split by language, else categories, sources or the strata themselves.
    None without a dataset that has a schedule.
    """
    schedule, dataset = folders.schedule, folders.get(DATASET)
    if schedule is None or dataset is None:
        return None
    strata = dataset.manifest.summary["splits"]["train"]["strata"]
    by = next((name for name in GROUPINGS if all(stratum[name] for stratum in strata)), "stratum")
    group = {stratum["name"]: stratum["name" if by == "stratum" else by] for stratum in strata}
    lines = [{"stratum": name, **line} for name, line in sorted(schedule["shares"].items())]
    for line in lines:
        line["repeats"] = line["final"] / line["natural"] if line["natural"] else 0.0
    first, phases = 0, []
    for phase in schedule["phases"]:
        rows = sum(phase["quotas"].values())
        phases.append(
            {
                "name": phase["name"],
                "first_step": first,
                "steps": phase["steps"],
                "tokens": rows * schedule["row_tokens"],
                "formula": phase["formula"],
                "rows": _sum_by_group(phase["quotas"], group),
            }
        )
        first += phase["steps"]
    return {
        "by": by,
        "groups": _grouped(lines, group),
        "strata": lines,
        "phases": phases,
        "steps": first,
        "batch_rows": schedule["batch_rows"],
        "row_tokens": schedule["row_tokens"],
        "max_epochs": schedule["max_epochs"],
        "seed": schedule["seed"],
    }


def _sum_by_group(counts: Mapping[str, int], group: Mapping[str, str]) -> dict[str, int]:
    """Add up counts of strata by group. `group` maps the name of a stratum to its group."""
    total: dict[str, int] = {}
    for name, number in counts.items():
        total[group[name]] = total.get(group[name], 0) + number
    return dict(sorted(total.items()))


def _grouped(lines: Sequence[Mapping[str, Any]], group: Mapping[str, str]) -> list[dict[str, Any]]:
    """Add up the lines of strata by group, largest natural share first."""
    rows = _sum_by_group({line["stratum"]: line["rows"] for line in lines}, group)
    drawn = _sum_by_group({line["stratum"]: line["drawn"] for line in lines}, group)
    all_rows, all_drawn = sum(rows.values()), sum(drawn.values())
    groups: list[dict[str, Any]] = [
        {
            "group": name,
            "rows": rows[name],
            "natural": rows[name] / all_rows if all_rows else 0.0,
            "final": drawn[name] / all_drawn if all_drawn else 0.0,
            "drawn": drawn[name],
            "epochs": drawn[name] / rows[name] if rows[name] else 0.0,
        }
        for name in rows
    ]
    for line in groups:
        line["repeats"] = line["final"] / line["natural"] if line["natural"] else 0.0
    return sorted(groups, key=lambda line: (-line["rows"], line["group"]))


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on shares and phases."""
    groups, by = figures["groups"], figures["by"]
    colours = (language_colours if by == "language" else colours_of)(group["group"] for group in groups)
    bars = [
        (
            Label(_group(by, group["group"]), f"× {group['repeats']:.2f}"),
            [
                Bar(group["natural"], share(group["natural"]), f"natural: {share(group['natural'])}", 0),
                Bar(group["final"], share(group["final"]), f"final: {share(group['final'])}", colours[group["group"]]),
            ],
        )
        for group in groups
    ]
    description = f"Natural and final share of each {by}."
    limit = f" No row is read more than {figures['max_epochs']:g} times." if figures["max_epochs"] else ""
    return [
        section(
            "mixing",
            "Shares before and after mixing",
            f"The schedule has {plural(figures['steps'], 'step')} of {figures['batch_rows']} rows; a row has "
            f"{figures['row_tokens']} tokens. Each stratum has a whole number of rows in each phase. Rows are stored "
            f"once.{limit}",
            figure(
                f"Natural and final shares by {by}",
                "Natural: shares of the stored rows. Final: shares of the rows that training reads, over all phases. "
                "× is final ÷ natural.",
                charts.bars("Shares before and after mixing", description, bars),
                _share_table(by, "group", groups, by),
                legend({"natural": 0, "final": MANY}),
            ),
            _phases(figures, colours),
            folded("Every stratum", _share_table("stratum", "stratum", figures["strata"], None)),
            name="Mixing",
        )
    ]


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
    by, stacks = figures["by"], []
    for phase in figures["phases"]:
        rows = sum(phase["rows"].values()) or 1
        pieces = [
            Piece(phase["rows"][group], f"{phase['name']}, {group}: {share(phase['rows'][group] / rows)}", colour)
            for group, colour in colours.items()
            if phase["rows"].get(group)
        ]
        stacks.append(Stack(phase["name"], pieces, width=phase["steps"]))
    chart = charts.timeline("Phases", f"Shares by {by} in each phase.", stacks)
    lines = [
        (
            phase["name"],
            f"{count(phase['first_step'])} to {count(phase['first_step'] + phase['steps'])}",
            count(phase["tokens"]),
            tag("code", phase["formula"]),
        )
        for phase in figures["phases"]
    ]
    shares = [
        (
            named(group) if by == "language" else group,
            *(share(phase["rows"].get(group, 0) / (sum(phase["rows"].values()) or 1)) for phase in figures["phases"]),
        )
        for group in colours
    ]
    return join(
        [
            figure(
                "Phases over the run",
                f"Left to right: steps. Top to bottom: share of each {by} in a step.",
                chart,
                legend=legend({_group(by, group): colour for group, colour in colours.items()}),
            ),
            table(["phase", "steps", "#tokens", "formula"], lines),
            table([by, *(f"#{phase['name']}" for phase in figures["phases"])], shares),
        ]
    )
