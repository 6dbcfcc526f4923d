"""Provenance: the seals of all folders, their options, and the licences of the documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipelines.html import Content, Figures, Markup, Section, count, folded, join, section, size, table, tag
from pipelines.report.folders import Folders
from pipelines.stages.build_folder import DATASET
from pipelines.stages.dataset_facts import licences_of


def gather(folders: Folders) -> dict[str, Any]:
    """Return digest, options and size of each sealed folder, and the licences of the dataset's documents."""
    dataset = folders.get(DATASET)
    return {
        "folders": [
            {
                "folder": place,
                "stage": folder.manifest.stage,
                "version": folder.manifest.version,
                "digest": folder.digest,
                "files": len(folder.manifest.files),
                "bytes": sum(record.bytes for record in folder.manifest.files.values()),
                "options": folder.manifest.options,
            }
            for place, folder in folders.sealed.items()
        ],
        "schedule": folders.schedule["digest"] if folders.schedule else None,
        "aside": folders.aside,
        "licences": licences_of(dataset) if dataset else [],
    }


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on seals, licences and options."""
    folders = figures["folders"]
    digests = [f"{folder['digest']}  {folder['folder']}" for folder in folders]
    if figures["schedule"]:
        digests.append(f"{figures['schedule']}  schedule")
    aside: Content = None
    if figures["aside"]:
        aside = tag(
            "p",
            "Left out, because they were made from an earlier state of their inputs: "
            f"{', '.join(figures['aside'])}. Run the build again to bring them up to date.",
        )
    return [
        section(
            "provenance",
            "Provenance",
            "Each folder is sealed: its digest is a hash of all its files, its options, and the digests of its "
            "inputs. The same inputs and options give the same digests on any machine.",
            table(
                ["folder", "stage", "#version", "#files", "#bytes", "digest"],
                [
                    (
                        folder["folder"],
                        folder["stage"],
                        folder["version"],
                        count(folder["files"]),
                        size(folder["bytes"]),
                        tag("code", folder["digest"][:16], title=folder["digest"]),
                    )
                    for folder in folders
                ],
            ),
            aside,
            _licences(figures["licences"]),
            tag("h3", "Options"),
            tag("div", *[folded(folder["folder"], _json(folder["options"])) for folder in folders], class_="list"),
            tag("h3", "Digests in full"),
            folded("For a paper, or a model card", tag("pre", "\n".join(digests))),
        )
    ]


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
