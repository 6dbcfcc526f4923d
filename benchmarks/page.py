"""docs/benchmarks.md with its chart, and the table of `make bench`, from each package's newest results.

`python -m benchmarks.page` writes them again without measuring.
"""

from __future__ import annotations

import json
import math
from html import escape
from typing import Any

from benchmarks.harness import RESULTS

DOCS = RESULTS.parents[1] / "docs"
PACKAGES = {
    "chain": "From files to shards",
    "corpora": "Reading, cleaning, filtering, deduplicating",
    "tokenization": "Training tokenizers and encoding",
    "sharding": "Packing, reading, verifying",
    "cluster": "Clusters and recipes",
    "scale": "Large inputs",
    "training": "Training beside nanochat",
    "gpu": "Training on a GPU",
}
MET = {True: "met", False: "**not met**", None: "has not run"}
YES = "1 is yes"
COLUMNS = ("question", "ours", "best peer", "theirs", "ratio", "goal", "")


def latest() -> dict[str, dict[str, Any]]:
    """Return the newest results with goals of each package."""
    newest = {}
    for package in PACKAGES:
        for path in sorted(RESULTS.glob(f"{package}-20*.json")):
            results = json.loads(path.read_bytes())
            if results.get("goals"):
                newest[package] = results
    return newest


def rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return a line of COLUMNS for each goal of a package."""
    lines: list[tuple[str, ...]] = []
    for goal in results["goals"]:
        ratio = "" if goal["ratio"] is None else f"{_number(goal['ratio'])} x"
        unit = "x" if goal["ratio"] is not None else goal["unit"]
        theirs = "" if goal["theirs"] is None else f"{_number(goal['theirs'])} {goal['unit']}"
        ours = "" if goal["ours"] is None else f"{_number(goal['ours'])} {goal['unit']}"
        goal_text = f"{'>=' if goal['bound'] == 'at least' else '<='} {goal['limit']:g} {unit}"
        if goal["unit"] == YES:
            ours, goal_text = "yes" if goal["ours"] else "no", "yes"
        lines.append((goal["question"], ours, goal["peer"], theirs, ratio, goal_text, MET[goal["met"]]))
    return lines


def page(newest: dict[str, dict[str, Any]]) -> str:
    """docs/benchmarks.md."""
    goals = [goal for results in newest.values() for goal in results["goals"]]
    met = sum(goal["met"] is True for goal in goals)
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` from `benchmarks/results/*.json`. `python -m benchmarks.PACKAGE` runs the benchmark",
        "of one package, and its docstring describes the method. Our figure and the peer's are measured in one run on",
        "the same documents, in turns, after a warm-up. A ratio is how many times better our figure is. Goals were",
        "set before measuring (for sentencepiece: it is not faster). Missed goals are listed too;",
        "[decisions](decisions/README.md) 0008, 0045 and 0046 divide the time of writing, encoding and ingest.",
        "",
        f"{len(goals)} goals, {met} met. Bars beyond the line are better than the goal:",
        "",
        picture(newest),
    ]
    for package, results in newest.items():
        machine = results["machine"]
        versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
        load = f"load {machine['load_before']:.1f} before and {machine['load_after']:.1f} after"
        lines += [
            "",
            f"## {PACKAGES[package]}",
            "",
            f"{results['date']}, {machine['cores']} cores of {machine['cpu']}, {load};",
            f"Python {machine['python']}; {versions}.",
            "",
            "| " + " | ".join(COLUMNS) + " |",
            "|---|---:|---|---:|---:|---:|---|",
            *(f"| {' | '.join(line)} |" for line in rows(results)),
        ]
    return "\n".join([*lines, ""])


def picture(newest: dict[str, dict[str, Any]]) -> str:
    """Return an SVG of the distance of each figure from its goal, on a logarithmic scale.

    It stands in the page itself, has its colours and is as wide as it: each question is above its bar.
    """
    bars = [(goal["question"], _beyond(goal)) for results in newest.values() for goal in results["goals"]]
    measured = [(question, beyond) for question, beyond in bars if beyond is not None]
    line, top = 34, 24
    low, high = -1.0, max([1.0, *(math.log2(beyond) for _, beyond in measured)])

    def across(beyond: float) -> float:
        return 88 * (min(max(math.log2(beyond), low), high) - low) / (high - low)

    goal = across(1)
    parts = []
    for place, (question, beyond) in enumerate(measured):
        y = top + place * line
        start, stop = sorted((goal, across(beyond)))
        kind = "met" if beyond >= 1 else "missed"
        parts.append(f'<text x="0" y="{y + 11}">{escape(question)}</text>')
        parts.append(
            f'<rect class="{kind}" x="{start:.1f}%" y="{y + 16}" width="{max(stop - start, 0.3):.1f}%" height="11"/>'
        )
        parts.append(f'<line x1="{goal:.1f}%" x2="{goal:.1f}%" y1="{y + 14}" y2="{y + 29}"/>')
        parts.append(f'<text class="value" x="{stop:.1f}%" dx="5" y="{y + 26}">{_number(beyond)}</text>')
    bottom = top + len(measured) * line
    return (
        f'<svg class="goals" role="img" width="100%" height="{bottom + 4}"><title>Every figure beside its goal</title>'
        f'<text x="{goal:.1f}%" y="12" text-anchor="middle">goal</text>'
        f"{''.join(parts)}</svg>"
    )


def table(newest: dict[str, dict[str, Any]]) -> str:
    """The same for a terminal."""
    lines = [row for results in newest.values() for row in rows(results)]
    plain = [COLUMNS, *(tuple(cell.replace("*", "").replace("not met", "NOT MET") for cell in row) for row in lines)]
    widths = [max(len(row[column]) for row in plain) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in plain
    )


def main() -> None:
    newest = latest()
    (DOCS / "benchmarks.md").write_text(page(newest), encoding="utf-8")
    print(table(newest))


def _beyond(goal: dict[str, Any]) -> float | None:
    held = goal["ours"] if goal["ratio"] is None else goal["ratio"]
    if held is None or not held or not goal["limit"]:  # a goal of none at all has no scale
        return None
    return float(held / goal["limit"] if goal["bound"] == "at least" else goal["limit"] / held)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
