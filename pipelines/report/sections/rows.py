"""Rows as training sees them, folded: click one to see its documents, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.html.elements import Figures, count, folded, named, passage, plural, section
from pipelines.html.markup import Content, Markup, join, tag


def rows(found: Sequence[Figures]) -> Markup | None:
    if not found:
        return None
    return section(
        "rows",
        "Rows to look at",
        join(
            [
                "One row from the middle of each of the largest strata, as training reads it. Each piece names the "
                "document it is of; ",
                tag("code", "arcorp inspect DIR --row N"),
                " shows any other row, ",
                tag("code", "--document ID"),
                " where a document went.",
            ]
        ),
        tag("div", *[_row(one) for one in found], class_="list"),
    )


def _row(row: Figures) -> Markup:
    pieces: list[Content] = [_piece(piece) for piece in row["pieces"]]
    more = row["segments"] - len(row["pieces"])
    if more > 0:
        pieces.append(tag("p", f"and {plural(more, 'piece')} more", class_="small"))
    title = f"{row['stratum']}, row {count(row['row'])}: {plural(row['segments'], 'piece')}"
    return folded(title, *pieces)


def _piece(piece: Figures) -> Markup:
    end = piece["offset"] + piece["length"]
    place = f"tokens {count(piece['offset'])} to {count(end)} of the document's {count(piece['tokens'])}"
    facts: list[Content] = [tag("code", piece["id"]), " ", named(piece["language"]), f", {piece['category']}, {place}"]
    facts += [f", licence {piece['license'] or 'not stated'}"]
    address = tag("p", piece["url"], class_="small") if piece["url"] else None
    text = f"{piece['text']} …" if piece["cut"] else piece["text"]
    return tag(
        "div", tag("p", join(facts), class_="small"), address, passage([text], piece["language"]), class_="card"
    )
