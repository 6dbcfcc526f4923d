"""Rows: one from the middle of each large stratum, as training reads it, with the documents that it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pipelines.html import (
    Content,
    Figures,
    Markup,
    Section,
    count,
    folded,
    join,
    named,
    passage,
    plural,
    section,
    tag,
)
from pipelines.report.folders import Folders
from pipelines.run import check_if_sealed
from pipelines.stages.build_folder import DATASET
from sharding.seal import Sealed

STRATA = 12  # strata of which a row is shown
SEGMENTS = 6  # segments of a row that are shown
CHARS = 600  # characters of a segment that are shown
FIELDS = ("id", "source", "language", "category", "license", "url", "tokens")


def gather(folders: Folders) -> list[dict[str, Any]] | None:
    """Return a row of each of the largest strata of the training split, decoded segment by segment."""
    dataset = folders.get(DATASET)
    if dataset is None:
        return None
    strata = [stratum for stratum in dataset.manifest.summary["splits"]["train"]["strata"] if stratum["rows"]]
    largest = sorted(strata, key=lambda stratum: (-stratum["rows"], stratum["name"]))[:STRATA]
    rows = [("train", stratum["first_row"] + stratum["rows"] // 2) for stratum in largest]
    return [
        {"stratum": stratum["name"], **view} for stratum, view in zip(largest, view_rows(dataset, rows), strict=True)
    ]


def view_rows(dataset: Sealed, rows: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return rows, each a (split, number), decoded segment by segment."""
    from sharding.checking import row_view
    from tokenization.model import Tokenizer

    check_if_sealed(dataset.path / "tokenizer")
    tokenizer = Tokenizer.load(dataset.path / "tokenizer")
    shown = []
    for split, row in rows:
        segments = row_view(dataset.path, split, row)
        pieces = []
        for segment in segments[:SEGMENTS]:
            text, document = tokenizer.decode(segment.ids), asdict(segment.document)
            pieces.append(
                {
                    **{key: document[key] for key in FIELDS},
                    "offset": segment.offset,
                    "position": segment.position,
                    "length": len(segment.ids),
                    "text": text[:CHARS],
                    "cut": len(text) > CHARS,
                }
            )
        shown.append({"split": split, "row": row, "segments": len(segments), "pieces": pieces})
    return shown


def render(figures: list[Figures]) -> list[Section]:
    """Return the section with rows to look at; none for a dataset without rows."""
    if not figures:
        return []
    return [
        section(
            "rows",
            "Rows to look at",
            join(
                [
                    "One row from the middle of each of the largest strata, as training reads it. Each piece is shown "
                    "with its document. ",
                    tag("code", "arcorp inspect DIR --row N"),
                    " shows any other row, ",
                    tag("code", "--document ID"),
                    " the rows of a document.",
                ]
            ),
            tag("div", *map(_row, figures), class_="list"),
            name="Rows",
        )
    ]


def _row(row: Figures) -> Markup:
    return folded(f"{row['stratum']}, {row_title(row)}", pieces_of(row))


def row_title(row: Figures) -> str:
    """Return the number of a row and of its pieces."""
    return f"row {count(row['row'])}: {plural(row['segments'], 'piece')}"


def pieces_of(row: Figures) -> Markup:
    """Return the pieces of a row, each with its document."""
    pieces: list[Content] = [_piece(piece) for piece in row["pieces"]]
    more = row["segments"] - len(row["pieces"])
    if more > 0:
        pieces.append(tag("p", f"and {plural(more, 'more piece')}", class_="small"))
    return join(pieces)


def _piece(piece: Figures) -> Markup:
    end = piece["offset"] + piece["length"]
    place = f"tokens {count(piece['offset'])} to {count(end)} of a document of {count(piece['tokens'])} and BOS, EOS"
    facts: list[Content] = [
        tag("code", piece["id"]),
        " ",
        named(piece["language"]),
        f", {piece['category']}, {place}, licence {piece['license'] or 'not stated'}",
    ]
    address = tag("p", piece["url"], class_="small") if piece["url"] else None
    text = f"{piece['text']} …" if piece["cut"] else piece["text"]
    return tag(
        "div", tag("p", join(facts), class_="small"), address, passage([text], piece["language"]), class_="card"
    )
