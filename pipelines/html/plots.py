"""Small pictures of numbers as inline SVG: histograms in a table's cell, grids of squares, points on a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html.markup import Markup, tag

WIDTH, HEIGHT = 120, 32  # of a histogram, pixels
CELL = 12  # side of a square of a grid, pixels
PLANE = 1000  # side of a plane, in units of its own


def histogram(title: str, counts: Sequence[int]) -> Markup:
    """Draw counts as bars of equal width."""
    step, most = WIDTH / len(counts), max(max(counts), 1)
    bars = [
        tag(
            "rect",
            x=number * step,
            y=HEIGHT * (1 - count / most),
            width=step,
            height=HEIGHT * count / most,
        )
        for number, count in enumerate(counts)
        if count
    ]
    return tag("svg", tag("title", title), *bars, role="img", width=WIDTH, height=HEIGHT, class_="histogram f1")


def grid(title: str, rows: Sequence[Sequence[float]]) -> Markup:
    """Draw a square for each value of a matrix; its colour is the stronger, the nearer the value is to 1 or -1."""
    cells = [
        tag(
            "rect",
            tag("title", f"{i}, {j}: {value:.3f}"),
            x=j * CELL,
            y=i * CELL,
            width=CELL - 1,
            height=CELL - 1,
            fill_opacity=min(1.0, abs(value)),
        )
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
    ]
    side = max(1, len(rows) * CELL)
    return tag("svg", tag("title", title), *cells, role="img", width=side, height=side, class_="grid-of f1")


def plane(
    title: str,
    description: str,
    groups: Mapping[str, Sequence[tuple[float, float, str]]],
    colours: Mapping[str, int],
) -> Markup:
    """Draw points (x, y, hint) of several groups around the origin, at one scale on both axes."""
    values = [abs(value) for points in groups.values() for x, y, _ in points for value in (x, y)]
    largest = max(values, default=0.0) or 1.0
    dots = [
        tag(
            "circle",
            tag("title", hint),
            cx=PLANE / 2 * (1 + 0.97 * x / largest),
            cy=PLANE / 2 * (1 - 0.97 * y / largest),
            r=6,
            class_=f"f{colours[group]}",
        )
        for group, points in groups.items()
        for x, y, hint in points
    ]
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *dots,
        role="img",
        aria_label=f"{title}. {description}",
        viewBox=f"0 0 {PLANE} {PLANE}",
        class_="chart plane",
    )
