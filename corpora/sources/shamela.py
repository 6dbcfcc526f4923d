"""Shamela: books of al-Maktaba al-Shamela, each with its notes and its author's year of death.

reads     .bok (Access 97, with access-parser) and its export to JSON: tables b<number> (nass, part, page, id),
          t<number> (tit, id) and Main (BkId, Bk, Auth, AD, cat); a file may hold several books
text      nass of all pages in the order of id, without footnotes and references to them. Pages are joined by a space,
          and by a line end where a page ends a sentence, a heading begins the next, or verse stands on either side
id        BkId
licence   not stated; what the author wrote is free where the author died long ago, the edition's apparatus may not be
language  arb_Arab
category  classical
options   died_before: books of authors who died in this Hijri year or later, or nobody knows when, are dropped (1370,
          some 75 years ago); notes: "drop" or "keep" footnotes and references to them
dirt      line ends are carriage returns; footnotes follow a line of underscores; modern books stand among the old;
          editors' prefaces are part of the pages and stay. Validation must not split a book: metadata.book is its id
facts     three books of OpenITI/raw_SHAM19Y, 703 pages; Access has no checksums: a flipped bit in a text is not seen
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
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

    died_before: int = 1370
    notes: Literal["drop", "keep"] = "drop"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Access; its tables as JSON."""
        return (_Access(), _Json())

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One book, one document."""
        main, raw = record.value["main"], "".join(page["nass"] for page in record.value["pages"])
        died = main.get("AD")
        if not isinstance(died, int) or died <= 0:
            raise Skip("author's year of death unknown", raw)
        if died >= self.died_before:
            raise Skip(f"author died in {self.died_before} AH or later", raw)
        cuts: dict[str, str] = {}
        keep = self.notes == "keep"
        bodies = [(page["id"], _body(_lines(page["nass"]), cuts, keep)) for page in record.value["pages"]]
        return ParsedRecord(
            text=_joined(bodies, record.value["headings"]),
            raw=raw,
            cuts=cuts,
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


def _body(page: str, cuts: dict[str, str], keep_notes: bool) -> str:
    """A page without its footnotes and the references to them, which are those that the footnotes answer."""
    rule = _RULE.search(f"\n{page}")
    if keep_notes or not rule:
        return page
    body, notes = page[: max(0, rule.start() - 1)], page[max(0, rule.start() - 1) :]
    cuts["footnotes"] = cuts.get("footnotes", "") + notes
    for number in dict.fromkeys(_NOTE.findall(notes)):
        reference = re.compile(rf"^\({number}\) ?| ?\({number}\)(?: (?=[.،؛:؟!]))?", re.MULTILINE)
        cuts["references"] = cuts.get("references", "") + "".join(reference.findall(body))
        body = reference.sub("", body)
    return body.rstrip()


def _joined(bodies: list[tuple[int, str]], headings: set[int]) -> str:
    """The pages (id, text) as one text."""
    pages = [(number, text) for number, text in bodies if text]
    pieces = [text for _, text in pages[:1]]
    for (_, before), (number, after) in pairwise(pages):
        around = before[before.rfind("\n") + 1 :], after.partition("\n")[0]
        ended = number in headings or _ENDED.search(before) or any(_VERSE.search(line) for line in around)
        pieces += ["\n" if ended else " ", after]
    return "".join(pieces)


# -- its two files ----------------------------------------------------------------------------------------


class _Access(Whole):
    """Books in a .bok file: rows {"main", "pages", "headings"}."""

    containers = frozenset({"access"})
    called = "Access (.bok)"

    def slices(self, file: Any, kind: Any) -> Iterator[Slice]:
        yield Slice(file, kind, 0, file.size, file.size)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        yield from _books(part, access_tables(part.file, ("b", "t", "Main")))


class _Json(Whole):
    """Books in the JSON export of a .bok file."""

    called = "a .bok file's tables in JSON"

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        written = read_whole(part)
        data, lost = text_of(written)
        try:
            found = json_value(data)
            if SURROGATE.search(written):
                json.dumps(found, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadInput(part.file.path, f"is not JSON ({error.msg})", place=place, mend="fetch it again") from error
        except UnicodeEncodeError:
            raise BadInput(part.file.path, "holds lone surrogates", mend="fetch it again") from None
        if lost or not isinstance(found, dict) or not all(isinstance(rows, list) for rows in found.values()):
            raise BadInput(part.file.path, "is no export of Shamela's tables", mend="is it another source's file?")
        yield from _books(part, found)


def _books(part: Slice, found: dict[str, list[dict[str, Any]]]) -> Iterator[Record | Lost]:
    if "Main" not in found:
        raise BadInput(part.file.path, "has no table Main, so it is no book of Shamela", mend="see `arcorp sources`")
    try:
        for number, main in enumerate(found["Main"]):
            book = main["BkId"]
            pages = sorted(found[f"b{book}"], key=lambda page: page["id"])
            whole_pages = [{"id": page["id"], "nass": page["nass"] or ""} for page in pages]
            headings = {heading["id"] for heading in found.get(f"t{book}", [])}
            yield Record(number, {"main": main, "pages": whole_pages, "headings": headings})
    except (KeyError, TypeError) as error:
        reason = f"lacks what a book of Shamela has ({type(error).__name__}: {error})"
        raise BadInput(part.file.path, reason, mend="see `arcorp sources`") from error
