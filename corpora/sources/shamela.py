"""Shamela: books of al-Maktaba al-Shamela, with notes and the author's year of death.

reads     .bok (Access 97, with access-parser) and its export to JSON: tables b<number> (nass, part, page, id),
          t<number> (tit, id) and Main (BkId, Bk, Auth, AD, cat); a file may contain several books
text      nass of all pages in the order of id, without footnotes and references to them. Pages are joined by a space,
          or by a line end if the first page ends a sentence, the second begins with a heading, or either has verse
id        BkId
licence   not stated; the work of an author who died long ago is in the public domain, the apparatus may not be
language  arb_Arab
category  classical
dirt      line ends are carriage returns; footnotes follow a line of underscores; modern books are among the old ones;
          editors' prefaces are part of the pages and are kept. Validation must not split a book: metadata.book is its
          id
facts     13 .bok files and two JSON exports of OpenITI/raw_SHAM19Y; the .bok files give the rows that mdbtools gives.
          Access has no checksums: a flipped bit in a text is not detected
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Literal

from corpora.errors import BadInput
from corpora.reading import (
    SURROGATE,
    Format,
    Lost,
    Record,
    Slice,
    Whole,
    access_tables,
    json_value,
    read_whole,
    text_of,
)
from corpora.sources.base import Category, ParsedRecord, Skip, Source

_COLUMNS = {"Main": ("BkId", "Bk", "Auth", "AD", "cat"), "b[0-9]*": ("id", "nass"), "t[0-9]*": ("id",)}
_RULE = re.compile(r"\n[_ـ]{5,}[ \t]*(?:\n|$)")
_NOTE = re.compile(r"^[ \t]*\((\d{1,3})\)", re.MULTILINE)
_ENDED = re.compile(r"[.:؟!؛»\])}\"*…] *$")
_VERSE = re.compile(r"\S \.\.\. ?(?:\S|$)")


@dataclass(frozen=True, kw_only=True)
class Shamela(Source):
    """Books of Shamela, one document each."""

    name: ClassVar[str] = "shamela"
    FILES: ClassVar[tuple[str, ...]] = ("*.bok", "*.bok.json")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"main", "pages", "headings"}),)
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "not stated"

    died_before: int = field(
        default=1370,
        metadata={
            "description": "Hijri year; books of authors who died in it or later, or in an unknown year, are dropped "
            "(1370 is about 75 years ago)"
        },
    )
    notes: Literal["drop", "keep"] = field(
        default="drop", metadata={"description": "footnotes and references to them: drop or keep them"}
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """Access, or its tables as JSON."""
        return (_Access(), _Json())

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One book, one document."""
        main, raw = record.value["main"], "".join(page["nass"] for page in record.value["pages"])
        died = main.get("AD")
        if not isinstance(died, int) or died <= 0:
            raise Skip("author's year of death unknown", raw)
        if died >= self.died_before:
            raise Skip(f"author died in {self.died_before} AH or later", raw)
        removed: dict[str, str] = {}
        keep = self.notes == "keep"
        bodies = [(page["id"], _body(_lines(page["nass"]), removed, keep)) for page in record.value["pages"]]
        return ParsedRecord(
            text=_joined(bodies, record.value["headings"]),
            raw=raw,
            removed=removed,
            id=str(main["BkId"]),
            metadata={
                "book": f"shamela/{main['BkId']}",
                "title": main.get("Bk"),
                "author": main.get("Auth"),
                "died": died,
                "subject": main.get("cat"),
            },
        )


def _lines(nass: str) -> str:
    return nass.replace("\r\n", "\n").replace("\r", "\n").strip()


def _body(page: str, removed: dict[str, str], keep_notes: bool) -> str:
    """Return a page without its footnotes and without the references whose numbers the footnotes have."""
    rule = _RULE.search(f"\n{page}")
    if keep_notes or not rule:
        return page
    body, notes = page[: max(0, rule.start() - 1)], page[max(0, rule.start() - 1) :]
    removed["footnotes"] = removed.get("footnotes", "") + notes
    for number in dict.fromkeys(_NOTE.findall(notes)):
        reference = re.compile(rf"^\({number}\) ?| ?\({number}\)(?: (?=[.،؛:؟!]))?", re.MULTILINE)
        removed["references"] = removed.get("references", "") + "".join(reference.findall(body))
        body = reference.sub("", body)
    return body.rstrip()


def _joined(bodies: list[tuple[int, str]], headings: set[int]) -> str:
    """Join pages, given as (id, text), to one text. `headings` are ids of pages that begin with a heading."""
    pages = [(number, text) for number, text in bodies if text]
    pieces = [text for _, text in pages[:1]]
    for (_, before), (number, after) in pairwise(pages):
        lines = before[before.rfind("\n") + 1 :], after.partition("\n")[0]
        ended = number in headings or _ENDED.search(before) or any(_VERSE.search(line) for line in lines)
        pieces += ["\n" if ended else " ", after]
    return "".join(pieces)


# -- file formats -----------------------------------------------------------------------------------------


class _Access(Whole):
    """Books in a .bok file, with records {"main", "pages", "headings"}."""

    containers = frozenset({"access"})
    description = "Access (.bok)"

    def slices(self, file: Any, kind: Any) -> Iterator[Slice]:
        yield Slice(file, kind, 0, file.size, file.size)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        yield from _books(part, access_tables(part.file, _COLUMNS))


class _Json(Whole):
    """Books in the JSON export of a .bok file."""

    description = "a .bok file's tables in JSON"

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        data = read_whole(part)
        text, lost = text_of(data)
        try:
            tables = json_value(text)
            if SURROGATE.search(data):
                json.dumps(tables, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadInput(part.file.path, f"is not JSON ({error.msg})", place=place, mend="fetch it again") from error
        except UnicodeEncodeError:
            raise BadInput(part.file.path, "has lone surrogates", mend="fetch it again") from None
        if lost or not isinstance(tables, dict) or not all(isinstance(rows, list) for rows in tables.values()):
            reason = "is not an export of Shamela's tables"
            raise BadInput(part.file.path, reason, mend="check whether it is a file of another source")
        yield from _books(part, tables)


def _books(part: Slice, tables: dict[str, list[dict[str, Any]]]) -> Iterator[Record | Lost]:
    if "Main" not in tables:
        raise BadInput(part.file.path, "is not a book of Shamela: it has no table Main", mend="see `arcorp sources`")
    try:
        for number, main in enumerate(tables["Main"]):
            book = main["BkId"]
            rows = sorted(tables[f"b{book}"], key=lambda row: row["id"])
            pages = [{"id": row["id"], "nass": row["nass"] or ""} for row in rows]
            headings = {heading["id"] for heading in tables.get(f"t{book}", [])}
            yield Record(number, {"main": main, "pages": pages, "headings": headings})
    except (KeyError, TypeError) as error:
        reason = f"lacks a field or table of a book of Shamela ({type(error).__name__}: {error})"
        raise BadInput(part.file.path, reason, mend="see `arcorp sources`") from error
