"""Charts as inline SVG: bars, stacked bars, phases over steps, curves. No script, no font, no fixed width.

A chart is as wide as its box, and its text has the size of the page's text: positions are percentages, and only the
inner picture that holds the curves is stretched. Colours are classes of the style sheet (`f3` fills with the third
colour, `s3` strokes with it; see `palette`), so that they follow light and dark. Each chart has a title and a
description for screen readers; the page shows its values in a table beside it. Curves carry their formatted values for
the page's script, which shows those under the pointer.

No label is printed over another. The width of a text is estimated, and the chart is taken to be NARROW pixels wide: a
tick that does not fit is left out, a long name is cut with an ellipsis, and names of phases that do not fit are
replaced with numbers, which a list under the chart explains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pipelines.html.markup import Markup, join, tag

BAR = 14  # height of a bar, pixels
LABEL = 20  # height of a label, pixels
NARROW = 300  # width of a chart on a telephone, pixels
LETTER = 7.0  # estimated width of a letter, pixels


@dataclass(frozen=True)
class Bar:
    """One bar. `shown` is its formatted value, `hint` its text under the pointer, `colour` that of `palette`."""

    value: float
    shown: str
    hint: str
    colour: int = 1


@dataclass(frozen=True)
class Label:
    """The label above a group of bars; `note` is at its right end."""

    name: str
    note: str = ""


@dataclass(frozen=True)
class Piece:
    """A piece of a stacked bar; `hint` is its text under the pointer."""

    value: float
    hint: str
    colour: int


@dataclass(frozen=True)
class Stack:
    """A stacked bar under its label. `note` is at the right end of the label; `width` is in steps, for `timeline`."""

    label: str
    pieces: Sequence[Piece]
    note: str = ""
    width: float = 1.0


@dataclass(frozen=True)
class Line:
    """A curve of (x, y) points. `band` holds the (lowest, highest) y of each point; `dots` marks the points."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 1
    band: Sequence[tuple[float, float]] = ()
    dots: bool = False


def bars(title: str, description: str, groups: Sequence[tuple[Label, Sequence[Bar]]]) -> Markup:
    """Draw groups of horizontal bars, each group under its label. The longest bar takes 80 % of the width."""
    most = max((bar.value for _, group in groups for bar in group), default=0) or 1.0
    parts, y = [], 0.0
    for label, group in groups:
        parts += _heading(label.name, label.note, y)
        y += LABEL
        for bar in group:
            width = 80 * bar.value / most
            parts.append(
                tag(
                    "rect",
                    tag("title", bar.hint),
                    x="0",
                    y=y,
                    width=f"{max(width, 0.15):.2f}%",
                    height=BAR - 2,
                    rx=2,
                    class_=f"f{bar.colour}",
                )
            )
            parts.append(_text(bar.shown, f"{width:.2f}%", y + 10, "value", dx=6))
            y += BAR
        y += 10
    return _picture(title, description, parts, max(y - 10, 1))


def stacks(title: str, description: str, rows: Sequence[Stack]) -> Markup:
    """Draw stacked bars of full width, one for each row; the length of a piece is its share of the row."""
    parts, y = [], 0.0
    for row in rows:
        parts += _heading(row.label, row.note, y)
        y += LABEL
        whole, left = sum(piece.value for piece in row.pieces) or 1.0, 0.0
        for piece in row.pieces:
            width = 100 * piece.value / whole
            parts.append(_box(piece.hint, left, y, width, BAR, piece.colour))
            left += width
        y += BAR + 12
    return _picture(title, description, parts, max(y - 12, 1))


def timeline(title: str, description: str, phases: Sequence[Stack], height: int = 150) -> Markup:
    """Draw phases side by side, as wide as their steps; the shares of a phase are stacked to full height."""
    parts, left, steps = [], 0.0, 0.0
    whole = sum(phase.width for phase in phases) or 1.0
    starts = [100 * start / whole for start in accumulate((phase.width for phase in phases), initial=0.0)]
    names = [phase.label for phase in phases]
    shown = _fitting(names, starts)
    last = f"step {whole:,.0f}"
    free = NARROW - len(last) * LETTER
    for phase, label in zip(phases, shown, strict=True):
        width = 100 * phase.width / whole
        boxes = [_text(label, "4", 13, "label")]
        y, sum_of = float(LABEL), sum(piece.value for piece in phase.pieces) or 1.0
        for piece in phase.pieces:
            box_height = height * piece.value / sum_of
            boxes.append(_box(piece.hint, 0, y, 100, box_height, piece.colour))
            y += box_height
        begins = f"{steps:,.0f}"
        ends_at = min((left + width) * NARROW / 100, free)
        if left * NARROW / 100 + 4 + len(begins) * LETTER <= ends_at:
            boxes.append(_text(begins, "4", LABEL + height + 16, "axis"))
        parts.append(tag("svg", *boxes, x=f"{left:.3f}%", width=f"{width:.3f}%", height=LABEL + height + 22))
        left += width
        steps += phase.width
    for start in starts[:-1]:  # after all boxes, which would cover the edges
        x = f"{start:.3f}%"
        parts.append(tag("line", x1=x, x2=x, y1=0, y2=LABEL + height + 20, class_="edge"))
    if phases:
        parts.append(_text(last, "100%", LABEL + height + 16, "axis", anchor="end"))
    return join([_picture(title, description, parts, LABEL + height + 22), _key(names, shown)])


def lines(
    title: str,
    description: str,
    curves: Sequence[Line],
    *,
    height: int = 220,
    show: Callable[[float], str] = "{:g}".format,
    show_x: Callable[[float], str] = "{:,.0f}".format,
    x_name: str = "steps",
    from_zero: bool = False,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw curves over steps, or over another quantity, `x_name`.

    show, show_x: format a value of each axis. marks: (x, name) of vertical lines, such as the first step of a phase.
    """
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points] + [
        y for curve in curves for pair in curve.band for y in pair
    ]
    if not xs:
        return _picture(title, description, [], 1)
    x0, x1 = min(xs), max(max(xs), min(xs) + 1)
    ticks = _ticks(0.0 if from_zero else min(ys), max(ys))
    y0, y1 = ticks[0], ticks[-1]

    def across(x: float) -> float:
        return 1000 * (x - x0) / (x1 - x0)

    def down(y: float) -> float:
        return 1000 * (1 - (y - y0) / (y1 - y0))

    top = LABEL if marks else 0
    parts = []
    for tick in ticks:
        y = top + height * down(tick) / 1000
        parts.append(tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        parts.append(_text(show(tick), "0", y + 4, "axis", anchor="end", dx=-8))
    drawn = [(across(max(step, x0)) / 10, name) for step, name in marks if step <= x1]  # others have not begun
    names = [name for _, name in drawn]
    shown = _fitting(names, [*(start for start, _ in drawn), 100.0])
    for (start, _), label in zip(drawn, shown, strict=True):
        x = f"{start:.2f}%"
        parts.append(tag("line", x1=x, x2=x, y1=0, y2=top + height, class_="edge"))
        parts.append(_text(label, x, 12, "note", dx=4))
    parts.append(
        tag(
            "svg",
            *[_curve(curve, across, down, show, show_x) for curve in curves],
            x="0",
            y=top,
            width="100%",
            height=height,
            viewBox="0 0 1000 1000",
            preserveAspectRatio="none",
            overflow="visible",
        )
    )
    for curve in curves:
        if curve.dots:
            parts += [
                tag(
                    "circle",
                    tag("title", f"{curve.name} at {show_x(x)} {x_name}: {show(y)}"),
                    cx=f"{across(x) / 10:.2f}%",
                    cy=top + height * down(y) / 1000,
                    r=3.5,
                    class_=f"f{curve.colour}",
                )
                for x, y in curve.points
            ]
    taken = math.inf  # left end of the label to the right
    inside = [tick for tick in _ticks(x0, x1) if x0 <= tick <= x1 and tick == int(tick)]
    for tick in reversed(inside):
        label = show_x(tick)
        at_end = across(tick) > 900
        right = across(tick) * NARROW / 1000 + (0 if at_end else len(label) * LETTER / 2)
        if right + LETTER <= taken:
            taken = right - len(label) * LETTER
            anchor = "end" if at_end else "middle"
            parts.append(_text(label, f"{across(tick) / 10:.2f}%", top + height + 18, "axis", anchor=anchor))
    parts.append(_text(x_name, "100%", top + height + 34, "note", anchor="end"))
    picture = _picture(title, description, parts, top + height + 40, "plot", x_name=x_name)
    return join([picture, _key(names, shown)])


def _curve(
    curve: Line,
    across: Callable[[float], float],
    down: Callable[[float], float],
    show: Callable[[float], str],
    show_x: Callable[[float], str],
) -> Markup:
    band = Markup("")
    if curve.band:
        upper = [(x, high) for (x, _), (_, high) in zip(curve.points, curve.band, strict=True)]
        lower = [(x, low) for (x, _), (low, _) in zip(curve.points, curve.band, strict=True)]
        outline = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in [*upper, *reversed(lower)])
        band = tag("polygon", points=outline, class_=f"f{curve.colour} band")
    points = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in curve.points)
    line = tag(
        "polyline",
        tag("title", curve.name),
        points=points,
        class_=f"curve s{curve.colour}",
        data_name=curve.name,
        data_colour=f"f{curve.colour}",
        data_x="|".join(show_x(x) for x, _ in curve.points),
        data_y="|".join(show(y) for _, y in curve.points),
    )
    return join([band, line])


def _ticks(low: float, high: float) -> list[float]:
    """Return four to seven round numbers that enclose `low` and `high`."""
    span = high - low or abs(high) or 1.0
    size = 10.0 ** math.floor(math.log10(span / 4))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if span / (size * factor) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _box(hint: str, x: float, y: float, width: float, height: float, colour: int) -> Markup:
    return tag(
        "rect",
        tag("title", hint),
        x=f"{x:.3f}%",
        y=y,
        width=f"{width:.3f}%",
        height=height,
        class_=f"f{colour} piece",
    )


def _text(text: str, x: str, y: float, kind: str, *, anchor: str | None = None, dx: int | None = None) -> Markup:
    return tag("text", text, x=x, y=y, dx=dx, text_anchor=anchor, class_=kind) if text else Markup("")


def _heading(name: str, note: str, y: float) -> list[Markup]:
    """Return a label with its note at the right end; a name that would touch the note is cut."""
    letters = max(4, int(NARROW / LETTER) - (len(note) + 2 if note else 0))
    text = name if len(name) <= letters else f"{name[: letters - 1]}…"
    hint = tag("title", name) if text != name else Markup("")
    return [
        tag("text", hint, text, x="0", y=y + 13, class_="label") if text else Markup(""),
        _text(note, "100%", y + 13, "note", anchor="end"),
    ]


def _fitting(names: Sequence[str], starts: Sequence[float]) -> list[str]:
    """Return the labels of phases: their names, or their numbers where one name is wider than its phase.

    starts: where each begins, and where the last one ends, in per cent of the width. "": not even a number fits.
    """
    spaces = [(stop - start) * NARROW / 100 - 6 for start, stop in pairwise(starts)]
    if all(len(name) * LETTER <= space for name, space in zip(names, spaces, strict=True)):
        return list(names)
    numbers = [str(number) for number in range(1, len(names) + 1)]
    return [label if len(label) * LETTER <= space else "" for label, space in zip(numbers, spaces, strict=True)]


def _key(names: Sequence[str], shown: Sequence[str]) -> Markup:
    """Return a numbered list of names; nothing where the chart itself shows them."""
    return Markup("") if list(names) == list(shown) else tag("ol", *[tag("li", n) for n in names], class_="key")


def _picture(
    title: str,
    description: str,
    parts: Sequence[Markup],
    height: float,
    kind: str | None = None,
    x_name: str | None = None,
) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *parts,
        role="img",
        aria_label=f"{title}. {description}",
        height=height,
        class_=f"chart {kind}" if kind else "chart",
        data_unit=x_name,
    )
