"""The seals of all folders, their options, and the licences of the documents."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipelines.html.elements import (
    Figures,
    count,
    folded,
    section,
    size,
    table,
)
from pipelines.html.markup import Content, Markup, join, tag


def provenance(figures: Figures) -> Markup:
    folders = figures["folders"]
    roots = [f"{one['root']}  {one['folder']}" for one in folders]
    if figures["schedule"]:
        roots.append(f"{figures['schedule']}  the schedule's digest")
    aside: Content = None
    if figures["aside"]:
        aside = tag(
            "p",
            f"Left out, as made from an earlier state of what lies here now: {', '.join(figures['aside'])}. "
            "Run the build again to bring them up to date.",
        )
    return section(
        "provenance",
        "Provenance",
        "Each folder is sealed: its root is a hash that stands for every byte in it, for the options it was made "
        "with, and for the roots of what it was made from. The same inputs and options give the same roots anywhere.",
        table(
            ["folder", "stage", "#version", "#files", "#bytes", "root"],
            [
                (
                    one["folder"],
                    one["stage"],
                    one["version"],
                    count(one["files"]),
                    size(one["bytes"]),
                    tag("code", one["root"][:16], title=one["root"]),
                )
                for one in folders
            ],
        ),
        aside,
        _licences(figures["licences"]),
        tag("h3", "Options"),
        tag("div", *[folded(one["folder"], _json(one["options"])) for one in folders], class_="list"),
        tag("h3", "Roots in full"),
        folded("For a paper, or a model card", tag("pre", "\n".join(roots))),
    )


def _json(value: object) -> Markup:
    return tag("pre", json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def _licences(licences: Sequence[Figures]) -> Markup | None:
    if not licences:
        return None
    rows = [
        (line["source"], line["licence"] or "not stated", count(line["documents"]), count(line["tokens"]))
        for line in licences
    ]
    return join(
        [
            tag("h3", "Licences of the documents"),
            table(["source", "licence", "#documents", "#tokens"], rows),
        ]
    )
