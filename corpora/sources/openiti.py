"""OpenITI: classical Arabic books in mARkdown.

reads     mARkdown files <author>.<book>.<version>-ara<n>[.mARkdown|.completed|.inProgress]; a release's metadata
          (OpenITI*metadata*.csv, tab-separated) in the folder, or named beside it, tells which version is primary
text      the body, headings and verse kept, markup gone (see corpora/sources/openiti_markdown.py)
id        the version URI, such as 0255Jahiz.Bukhala.Shamela0010501-ara1
licence   CC BY-NC-SA 4.0 (as the releases on Zenodo say; from memory, the repositories do not state it)
language  arb_Arab
category  classical
options   versions: "best" reads one version of each book, "all" reads all; notes: "drop" or "keep" references to notes
dirt      half of the books have several versions: the primary one is read if the metadata names it, else the most
          trusted (.mARkdown > .completed > .inProgress > none, then by name); a byte order mark before the magic value
          in 28 % of files, five # instead of six in some; EDITOR and PARATEXT sections are modern prose and are
          dropped; the text has no tashkeel. Validation must not split a book: metadata.book is its URI
facts     census of 416 files of seven OpenITI repositories; order of trust from OpenITI's README; tags from oimdp;
          metadata of release 2019.1.1 (column versionUri; later ones have version_uri: from memory)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from corpora.errors import BadInput
from corpora.reading import File, Format, Lost, Record, Slice, Stream, Whole, sniff, stream_lines
from corpora.sources.base import Category, ParsedRecord, Source
from corpora.sources.openiti_markdown import NotOpenITI, parse, split_header

_TRUST = ("mARkdown", "completed", "inProgress", "")
_METADATA = "OpenITI*metadata*.csv"
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
        _METADATA,
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
        tables = [file for file in files if fnmatch.fnmatch(_name(file), _METADATA)]
        books = [file for file in files if file not in tables]
        if self.versions == "all":
            return books
        primary = {uri for table in tables for uri in _primary(table)}
        best: dict[str, tuple[tuple[bool, int, str], File]] = {}
        for file in books:
            book, version, trust = _uri(_name(file))
            known = _TRUST.index(trust) if trust in _TRUST else len(_TRUST)
            rank = ((book, version) not in primary, known, version)
            if book not in best or rank < best[book][0]:
                best[book] = rank, file
        chosen = {file.path for _, file in best.values()}
        return [file for file in books if file.path in chosen]

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One file, one book."""
        book, version, _ = _uri(_name(part.file))
        parsed = parse(record.value, keep_notes=self.notes == "keep")
        return ParsedRecord(
            text=parsed.text,
            raw=record.value,
            cuts=parsed.cuts,
            id=f"{book}.{version}" if version else book,
            metadata={"book": book, "author": parsed.meta.get("author"), "title": parsed.meta.get("title")},
        )


class _Book(Whole):
    """A whole file that begins with OpenITI's magic value."""

    called = "OpenITI mARkdown"

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        for row in super().rows(part):
            if isinstance(row, Record):
                try:
                    split_header(row.value)
                except NotOpenITI as error:
                    mend = "`text` reads plain text"
                    raise BadInput(part.file.path, f"is not OpenITI mARkdown: {error}", mend=mend) from error
            yield row


def _name(file: File) -> str:
    return file.name.rsplit("/", 1)[-1]


def _uri(name: str) -> tuple[str, str, str]:
    """Book URI, version, extension; of a file with another name, its name."""
    match = _URI.fullmatch(name)
    return (match["book"], match["version"], match["trust"] or "") if match else (name, "", "")


def _primary(table: File) -> Iterator[tuple[str, str]]:
    """(book, version) of the versions that a release's metadata calls primary. Raises BadInput."""
    with Stream(table, sniff(table)) as stream:
        rows = ((line.data or b"").decode(errors="replace").split("\t") for line in stream_lines(stream))
        header = [column.replace("_", "").lower() for column in next(rows)]
        if not {"versionuri", "status"} <= set(header):
            reason = "has no columns versionUri and status, which OpenITI's metadata has"
            raise BadInput(table.path, reason, mend="leave it out, or name the books alone")
        uri, status = header.index("versionuri"), header.index("status")
        for row in rows:
            if len(row) == len(header) and row[status] == "pri":
                yield _uri(row[uri])[:2]
