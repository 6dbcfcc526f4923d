"""The page of `training/health.py`: one HTML file with plots in SVG (bars, grids of squares, dots).

The plots are drawn without a library, since training runs where there is neither a plotting library nor pipelines'
report. Token texts are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 150, 48  # of a histogram, in pixels
CELL = 9  # side of a cell of a grid
PLANE = 460  # side of the plane of embeddings
COLOURS = {"arabic": "#0f766e", "latin": "#c2410c"}
HEAD = """<!doctype html><meta charset="utf-8"><title>Model health</title>
<style>body{font:14px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:right}
td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:.5rem}</style>"""


def page(health: Mapping[str, Any]) -> str:
    """Return the HTML page of the statistics that `health.examine` writes."""
    model = health["model"]
    parts = [
        HEAD,
        f"<h1>Model health</h1><p>{escape(model['preset'])}, {model['layers']} blocks of {model['width']}, "
        f"after step {health['step']:,}.</p>",
        _scripts(health["scripts"]),
        "<h2>Matrices</h2><p>Histograms show -6 to 6 standard deviations. The column after the effective rank divides "
        "it by the largest possible rank.</p>",
        _matrices(health["matrices"]),
        "<h2>Similarity of blocks</h2><p>Cosine similarity of the same matrix in two blocks. Darker is more similar; "
        "the diagonal is 1.</p>",
        *(_grid(kind, rows) for kind, rows in health["blocks"].items()),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _matrices(matrices: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td>{' x '.join(map(str, matrix['shape']))}</td><td>{matrix['mean']:.1e}</td>"
        f"<td>{matrix['std']:.4f}</td><td>{matrix['largest']:.3f}</td><td>{matrix['nearly_zero']:.2%}</td>"
        f"<td>{matrix['effective_rank']:.1f}</td><td>{matrix['rank_share']:.0%}</td>"
        f"<td>{_bars(matrix['histogram'])}</td></tr>"
        for name, matrix in matrices.items()
    ]
    head = ("matrix", "shape", "mean", "deviation", "largest", "nearly zero", "effective rank", "share", "weights")
    return "<table><tr>" + "".join(f"<th>{title}</th>" for title in head) + "</tr>" + "\n".join(rows) + "</table>"


def _bars(histogram: Mapping[str, Any]) -> str:
    counts: Sequence[int] = histogram["counts"]
    step, most = WIDTH / len(counts), max(max(counts), 1)
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{HEIGHT * (1 - count / most):.1f}" width="{step:.1f}" '
        f'height="{HEIGHT * count / most:.1f}"/>'
        for i, count in enumerate(counts)
    )
    return f'<svg width="{WIDTH}" height="{HEIGHT}" fill="#475569">{bars}</svg>'


def _grid(kind: str, rows: Sequence[Sequence[float]]) -> str:
    cells = "".join(
        f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL}" height="{CELL}" fill-opacity="{abs(cosine):.2f}">'
        f"<title>{i}, {j}: {cosine:.3f}</title></rect>"
        for i, row in enumerate(rows)
        for j, cosine in enumerate(row)
    )
    side = len(rows) * CELL
    svg = f'<svg width="{side}" height="{side}" fill="#1e3a8a" style="background:#e2e8f0">{cells}</svg>'
    return f"<figure>{svg}<figcaption>{escape(kind.removesuffix('.weight'))}</figcaption></figure>"


def _scripts(scripts: Mapping[str, Any] | None) -> str:
    if scripts is None:
        return "<p>The vocabulary does not have tokens of both scripts, Arabic and Latin.</p>"
    values = [dot[axis] for dots in scripts["plane"].values() for dot in dots for axis in ("x", "y")]
    largest = max(map(abs, values), default=1.0) or 1.0

    def pixel(value: float) -> str:
        return f"{PLANE / 2 * (1 + 0.96 * value / largest):.1f}"

    dots = "".join(
        f'<circle cx="{pixel(dot["x"])}" cy="{pixel(-dot["y"])}" r="3" fill="{COLOURS[script]}" fill-opacity=".55">'
        f"<title>{escape(dot['text'])}</title></circle>"
        for script, of_script in scripts["plane"].items()
        for dot in of_script
    )
    key = ", ".join(
        f'<b style="color:{COLOURS[script]}">{script}</b> {count:,} tokens'
        for script, count in scripts["tokens"].items()
    )
    first, second = scripts["explained"]
    return (
        f"<h2>Arabic and Latin embeddings</h2><p>{key}. The first two principal components hold {first:.1%} and "
        f"{second:.1%} of the variance. The distance of the two means is {scripts['centres_apart']:.2f} times the "
        f"typical distance of a token from its mean; {scripts['told_apart']:.1%} of tokens are nearer to the mean of "
        f"their own script.</p>"
        f'<svg width="{PLANE}" height="{PLANE}" style="background:#f8fafc">{dots}</svg>'
    )
