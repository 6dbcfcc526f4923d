"""The page of `training/health.py`: one HTML file with its plots as SVG, drawn here.

A GPU image has neither a plotting library nor arcorp's report, and what is drawn is three shapes: bars, a grid of
squares, and dots. Text comes from a vocabulary, so that it is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDE, TALL = 150, 48  # of a histogram
CELL = 9  # of a grid
PLANE = 460  # sides of the plane of embeddings
COLOURS = {"arabic": "#0f766e", "latin": "#c2410c"}
HEAD = """<!doctype html><meta charset="utf-8"><title>Model health</title>
<style>body{font:14px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:right}
td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:.5rem}</style>"""


def page(found: Mapping[str, Any]) -> str:
    """The page of what `health.examine` found."""
    model = found["model"]
    parts = [
        HEAD,
        f"<h1>Model health</h1><p>{escape(model['preset'])}, {model['layers']} blocks of {model['width']}, "
        f"after step {found['step']:,}.</p>",
        _scripts(found["scripts"]),
        "<h2>Matrices</h2><p>Histograms reach six standard deviations to either side; the effective rank is also "
        "given as a part of the largest that there could be.</p>",
        _matrices(found["matrices"]),
        "<h2>Blocks against each other</h2><p>Cosine similarity of the same matrix in two blocks: darker is more "
        "alike; the diagonal is 1.</p>",
        *(_grid(kind, rows) for kind, rows in found["blocks"].items()),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _matrices(matrices: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td>{' x '.join(map(str, one['shape']))}</td><td>{one['mean']:.1e}</td>"
        f"<td>{one['std']:.4f}</td><td>{one['largest']:.3f}</td><td>{one['nearly_zero']:.2%}</td>"
        f"<td>{one['effective_rank']:.1f}</td><td>{one['rank_share']:.0%}</td><td>{_bars(one['histogram'])}</td></tr>"
        for name, one in matrices.items()
    ]
    head = ("matrix", "shape", "mean", "deviation", "largest", "nearly zero", "effective rank", "of", "weights")
    return "<table><tr>" + "".join(f"<th>{one}</th>" for one in head) + "</tr>" + "\n".join(rows) + "</table>"


def _bars(histogram: Mapping[str, Any]) -> str:
    counts: Sequence[int] = histogram["counts"]
    step, most = WIDE / len(counts), max(max(counts), 1)
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{TALL * (1 - count / most):.1f}" width="{step:.1f}" '
        f'height="{TALL * count / most:.1f}"/>'
        for i, count in enumerate(counts)
    )
    return f'<svg width="{WIDE}" height="{TALL}" fill="#475569">{bars}</svg>'


def _grid(kind: str, rows: Sequence[Sequence[float]]) -> str:
    cells = "".join(
        f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL}" height="{CELL}" fill-opacity="{abs(cosine):.2f}">'
        f"<title>{i}, {j}: {cosine:.3f}</title></rect>"
        for i, row in enumerate(rows)
        for j, cosine in enumerate(row)
    )
    side = len(rows) * CELL
    drawn = f'<svg width="{side}" height="{side}" fill="#1e3a8a" style="background:#e2e8f0">{cells}</svg>'
    return f"<figure>{drawn}<figcaption>{escape(kind.removesuffix('.weight'))}</figcaption></figure>"


def _scripts(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "<p>The vocabulary has not both Arabic and Latin tokens.</p>"
    places = [(one["x"], one["y"]) for dots in found["plane"].values() for one in dots]
    largest = max((abs(value) for place in places for value in place), default=1.0) or 1.0

    def along(value: float) -> str:
        return f"{PLANE / 2 * (1 + 0.96 * value / largest):.1f}"

    dots = "".join(
        f'<circle cx="{along(one["x"])}" cy="{along(-one["y"])}" r="3" fill="{COLOURS[script]}" fill-opacity=".55">'
        f"<title>{escape(one['text'])}</title></circle>"
        for script, some in found["plane"].items()
        for one in some
    )
    key = ", ".join(
        f'<b style="color:{COLOURS[script]}">{script}</b> {count:,} tokens'
        for script, count in found["tokens"].items()
    )
    first, second = found["explained"]
    return (
        f"<h2>Arabic against Latin embeddings</h2><p>{key}. The first two principal components hold {first:.1%} and "
        f"{second:.1%} of the variance. The means lie {found['centres_apart']:.2f} typical distances from the mean "
        f"apart; {found['told_apart']:.1%} of tokens are nearer to their own.</p>"
        f'<svg width="{PLANE}" height="{PLANE}" style="background:#f8fafc">{dots}</svg>'
    )
