"""Rows to look at: one from the middle of each large stratum, with the documents that it is made of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipelines.report.folders import Folders

STRATA, SEGMENTS, CHARS = 12, 6, 600
"""How many strata have a row shown, how many documents of a row, and how much of each is."""
TOLD = ("id", "source", "language", "category", "license", "url", "tokens")


def rows_of(folders: Folders) -> list[dict[str, Any]] | None:
    """A row of each of the largest strata of the training split, decoded piece by piece."""
    dataset = folders.get("dataset")
    if dataset is None:
        return None
    from sharding.checking.inspect import row_view
    from tokenization.model import Tokenizer

    tokenizer = Tokenizer.load(dataset.path / "tokenizer")
    strata = [one for one in dataset.manifest.summary["splits"]["train"]["strata"] if one["rows"]]
    shown = []
    for stratum in sorted(strata, key=lambda one: (-one["rows"], one["name"]))[:STRATA]:
        row = stratum["first_row"] + stratum["rows"] // 2
        segments = row_view(dataset.path, "train", row)
        pieces = []
        for segment in segments[:SEGMENTS]:
            text, document = tokenizer.decode(segment.ids), asdict(segment.document)
            pieces.append(
                {
                    **{key: document[key] for key in TOLD},
                    "offset": segment.offset,
                    "position": segment.position,
                    "length": len(segment.ids),
                    "text": text[:CHARS],
                    "cut": len(text) > CHARS,
                }
            )
        shown.append({"stratum": stratum["name"], "row": row, "segments": len(segments), "pieces": pieces})
    return shown
