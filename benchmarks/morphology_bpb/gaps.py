"""From runs to gaps: bits per byte of a tokenizer relative to plain BPE, with intervals, as a table and a figure.

A gap is the difference of the bits of the same documents, as a share of plain BPE's. Its interval is a paired
bootstrap: documents and seeds are drawn with replacement, the same for both tokenizers, 2,000 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

DRAWS, LEVEL = 2_000, 0.95
COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#868e96")
Run = dict[str, Any]


def gaps(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return, for each amount of text, kind of held-out text and tokenizer, the gap to plain BPE with its interval."""
    lines = []
    for size in sorted({run["bytes"] for run in runs}):
        of_size = [run for run in runs if run["bytes"] == size]
        names = list(dict.fromkeys(run["tokenizer"] for run in of_size))
        for kind in ("all", *of_size[0]["bits"]):
            plain = _matrix(of_size, "plain", kind)
            for name in names:
                ours = _matrix(of_size, name, kind)
                if ours.shape != plain.shape:  # not all seeds have run
                    continue
                low, high = _interval(ours, plain)
                lines.append(
                    {
                        "bytes": size,
                        "kind": kind,
                        "tokenizer": name,
                        "seeds": len(ours),
                        "bits_per_byte": float(ours.mean(0).sum() / _bytes(of_size[0], kind)),
                        "gap": float(ours.sum() / plain.sum() - 1),
                        "low": low,
                        "high": high,
                    }
                )
    return lines


def table(lines: Sequence[dict[str, Any]], kinds: Sequence[str]) -> str:
    """Return the gaps in per cent as Markdown: a line for each amount of text and tokenizer."""
    out = ["| text | tokenizer | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 2) + "|"]
    for size in sorted({line["bytes"] for line in lines}):
        of_size = [line for line in lines if line["bytes"] == size]
        for name in dict.fromkeys(line["tokenizer"] for line in of_size):
            cells = []
            for kind in kinds:
                line = next(each for each in of_size if (each["kind"], each["tokenizer"]) == (kind, name))
                gap = f"{100 * line['gap']:+.1f} ({100 * line['low']:+.1f} to {100 * line['high']:+.1f})"
                cells.append(f"{line['bits_per_byte']:.3f}" if name == "plain" else gap)
            out.append(f"| {size / 1e6:g} MB | {name} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def figure(lines: Sequence[dict[str, Any]]) -> str:
    """Return an SVG: the gap to plain BPE over all held-out text, against the bytes of training text."""
    shown = [line for line in lines if line["kind"] == "all" and line["tokenizer"] != "plain"]
    sizes = sorted({line["bytes"] for line in shown})
    low, high = min(0.0, *(line["low"] for line in shown)), max(0.0, *(line["high"] for line in shown))
    width, height, left, top = 640, 340, 60, 20

    def x(size: float) -> float:
        span = np.log(sizes[-1] / sizes[0]) or 1.0
        return left + 20 + float(np.log(size / sizes[0]) / span) * (width - left - 180)

    def y(gap: float) -> float:
        return top + float(high - gap) / ((high - low) or 1.0) * (height - top - 50)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12"><title>Bits per byte relative to plain BPE</title>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<line x1="{left}" x2="{width - 150}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#adb5bd"/>',
    ]
    ends = 'text-anchor="end"'
    parts += [
        f'<text x="{left - 6}" y="{y(gap) + 4:.1f}" {ends}>{100 * gap:+.1f} %</text>' for gap in (low, 0.0, high)
    ]
    middle = f'y="{height - 22}" text-anchor="middle"'
    parts += [f'<text x="{x(size):.1f}" {middle}>{size / 1e6:g} MB</text>' for size in sizes]
    for number, name in enumerate(dict.fromkeys(line["tokenizer"] for line in shown)):
        colour = COLOURS[number % len(COLOURS)]
        own = sorted((line for line in shown if line["tokenizer"] == name), key=lambda line: line["bytes"])
        shift = 3 * (number - 2.5)
        points = " ".join(f"{x(line['bytes']) + shift:.1f},{y(line['gap']):.1f}" for line in own)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for line in own:
            column = x(line["bytes"]) + shift
            reach = f'y1="{y(line["low"]):.1f}" y2="{y(line["high"]):.1f}"'
            parts.append(f'<line x1="{column:.1f}" x2="{column:.1f}" {reach} stroke="{colour}"/>')
            parts.append(f'<circle cx="{column:.1f}" cy="{y(line["gap"]):.1f}" r="3" fill="{colour}"/>')
        place = f'x="{width - 140}" y="{top + 18 * number + 10}"'
        parts.append(f'<text {place} fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _matrix(runs: Sequence[Run], name: str, kind: str) -> Any:
    """Return the bits of one tokenizer: (seeds, documents)."""
    own = sorted((run for run in runs if run["tokenizer"] == name), key=lambda run: run["seed"])
    return np.array([_joined(run["bits"], kind) for run in own])


def _joined(values: dict[str, list[float]], kind: str) -> list[float]:
    return [each for of_kind in values.values() for each in of_kind] if kind == "all" else values[kind]


def _bytes(run: Run, kind: str) -> float:
    return sum(_joined(run["held_out"], kind))


def _interval(ours: Any, plain: Any) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    seeds, documents = ours.shape
    ratios = []
    for _ in range(DRAWS):
        of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds))
        of_documents = rng.multinomial(documents, np.full(documents, 1 / documents))
        ratios.append((of_seeds @ ours @ of_documents) / (of_seeds @ plain @ of_documents) - 1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
