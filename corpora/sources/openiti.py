"""OpenITI: classical Arabic books in mARkdown.

reads     mARkdown files <author>.<book>.<version>-ara<n>[.mARkdown|.completed|.inProgress]
text      the body, headings and verse kept, markup gone (see corpora/openiti_markdown.py)
id        the version URI, such as 0255Jahiz.Bukhala.Shamela0010501-ara1
licence   CC BY-NC-SA 4.0 (as the releases on Zenodo say; from memory, the repositories do not state it)
language  arb_Arab
category  classical
options   versions: "best" reads one version of each book, "all" reads all; notes: "drop" or "keep" references to notes
dirt      half of the books have several versions: the most trusted is read (.mARkdown > .completed > .inProgress >
          none, then by name); a byte order mark before the magic value in 28 % of files, five # instead of six in
          some; EDITOR and PARATEXT sections are modern prose and are dropped; the text has no tashkeel. Validation
          must not split a book: metadata.book is its URI
facts     census of 416 files of seven OpenITI repositories; order of trust from OpenITI's README; tags from oimdp
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from corpora.errors import BadInput
from corpora.files import File
from corpora.formats import Format, Lost, Row, Slice, Whole
from corpora.openiti_markdown import NotOpenITI, parse, split_header
from corpora.sources.base import Category, Draft, Source

_TRUST = ("mARkdown", "completed", "inProgress", "")
_URI = re.compile(r"(?P<book>[^./]+\.[^./]+)\.(?P<version>[^./]+-[a-z]{3}\d+)(?:\.(?P<trust>\w+))?")


@dataclass(frozen=True, kw_only=True)
class OpenITI(Source):
    """Books of OpenITI, one document each."""

    name: ClassVar[str] = "openiti"
    FILES: ClassVar[tuple[str, ...]] = (
        "*-ara[0-9]",
        "*-ara[0-9].mARkdown",
        "*-ara[0-9].completed",
        "*-ara[0-9].inProgress",
    )
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "CC-BY-NC-SA-4.0"

    versions: Literal["best", "all"] = "best"
    notes: Literal["drop", "keep"] = "drop"

    @property
    def formats(self) -> tuple[Format, ...]:
        """One file, one text."""
        return (_Book(),)

    def select(self, files: list[File]) -> list[File]:
        """One version of each book, unless all are asked for."""
        if self.versions == "all":
            return files
        best: dict[str, tuple[int, str, File]] = {}
        for file in files:
            book, version, trust = _uri(file)
            rank = (_TRUST.index(trust) if trust in _TRUST else len(_TRUST), version, file)
            if book not in best or rank[:2] < best[book][:2]:
                best[book] = rank
        chosen = {file.path for _, _, file in best.values()}
        return [file for file in files if file.path in chosen]

    def draft(self, row: Row, part: Slice) -> Draft:
        """One file, one book."""
        book, version, _ = _uri(part.file)
        parsed = parse(row.value, keep_notes=self.notes == "keep")
        return Draft(
            text=parsed.text,
            raw=row.value,
            cuts=parsed.cuts,
            id=f"{book}.{version}" if version else book,
            metadata={"book": book, "author": parsed.meta.get("author"), "title": parsed.meta.get("title")},
        )


class _Book(Whole):
    """A whole file that begins with OpenITI's magic value."""

    called = "OpenITI mARkdown"

    def rows(self, part: Slice) -> Iterator[Row | Lost]:
        for row in super().rows(part):
            if isinstance(row, Row):
                try:
                    split_header(row.value)
                except NotOpenITI as error:
                    mend = "`text` reads plain text"
                    raise BadInput(part.file.path, f"is not OpenITI mARkdown: {error}", mend=mend) from error
            yield row


def _uri(file: File) -> tuple[str, str, str]:
    """Book URI, version, extension; of a file with another name, its name."""
    name = file.name.rsplit("/", 1)[-1]
    match = _URI.fullmatch(name)
    return (match["book"], match["version"], match["trust"] or "") if match else (name, "", "")
