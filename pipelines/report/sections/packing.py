"""Rows, shards, and what became of every token."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.html.elements import (
    Figures,
    count,
    folded,
    plural,
    reasons,
    section,
    share,
    size,
    table,
)
from pipelines.html.markup import Markup, tag

CUTS = {
    "best-fit": "where a document is longer than a row, and, seldom, where a piece was needed to fill a row exactly",
    "concat": "wherever a row ends",
}
"""Where a packing policy cuts documents."""


def packing(figures: Figures) -> Markup:
    tokens, splits = figures["tokens"], figures["splits"]
    came = tokens["in"] + sum(tokens["added"].values())
    rows = sum(split["rows"] for split in splits.values())
    bits = 8 * int(figures["dtype"][-1])
    return section(
        "packing",
        "Packing",
        f"{plural(rows, 'row')} of {figures['row_tokens']} tokens, {bits} bits each, in {size(figures['bytes'])}: "
        f"policy {figures['policy']}, no padding. {share(tokens['out'] / (came or 1))} of all tokens stand in rows.",
        table(
            ["", "#tokens"],
            [
                ("from documents", count(tokens["in"])),
                *((f"added: {reason.upper()}", f"+ {count(number)}") for reason, number in tokens["added"].items()),
                *((f"dropped: {reason}", f"− {count(number)}") for reason, number in tokens["dropped"].items()),
            ],
            total=("in rows", count(tokens["out"])),
            narrow=True,
        ),
        table(
            ["split", "#rows", "#tokens", "#shards", "#documents", "#bytes of text"],
            [
                (
                    name,
                    count(split["rows"]),
                    count(split["rows"] * figures["row_tokens"]),
                    count(split["shards"]),
                    count(split["documents"]),
                    size(split["bytes"]),
                )
                for name, split in splits.items()
            ],
        ),
        tag(
            "p",
            f"Documents stand in rows in {plural(figures['segments'], 'piece')}, so that they are cut "
            f"{count(figures['cuts'])} times ({_a_hundred(figures)}): {CUTS.get(figures['policy'], '')}. "
            f"{_dropped(figures['documents'])}",
        ),
        folded("Every stratum of both splits", _strata(splits)),
    )


def _a_hundred(figures: Figures) -> str:
    return f"{100 * figures['cuts'] / (figures['documents']['out'] or 1):.3g} in a hundred documents"


def _dropped(documents: Figures) -> str:
    lost = sum(documents["dropped"].values())
    if not lost:
        return "Every document is in some row."
    return f"{plural(lost, 'document')} stand in none: {reasons(documents['dropped'])}."


def _strata(splits: Mapping[str, Figures]) -> Markup:
    return table(
        ["stratum", "split", "#rows", "#documents", "#tokens", "#bytes", "#chars"],
        [
            (one["name"], name, *(count(one[key]) for key in ("rows", "documents", "tokens", "bytes", "chars")))
            for name, split in splits.items()
            for one in split["strata"]
        ],
    )
