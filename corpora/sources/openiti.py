"""OpenITI: classical Arabic books in mARkdown.

reads     mARkdown files <author>.<book>.<version>-ara<n>[.mARkdown|.completed|.inProgress]; the metadata of a release
          (OpenITI*metadata*.csv, tab-separated) in the input determines which version is primary
text      the body with headings and verse, without markup (see corpora/sources/openiti_markdown.py) and without notes
          (see corpora/sources/openiti_notes.py). Each removed part is counted by name
id        the version URI, such as 0255Jahiz.Bukhala.Shamela0010501-ara1
licence   CC BY-NC-SA 4.0 (according to the releases on Zenodo, from memory; the repositories state none)
language  arb_Arab
category  classical
dirt      half of the books have several versions: the primary version is read if the metadata names it, else the most
          reliable (.mARkdown > .completed > .inProgress > none, then by name); 28 % of the files have a byte order
          mark before the magic value, and some have five # instead of six; EDITOR and PARATEXT sections are modern
          prose and are dropped, as are notes at the feet of pages; a number in brackets is dropped only if the book
          shows that it refers to a note; the text has no tashkeel. A book of verse (metadata.form) has the quality
          profile `verse`. Validation must not split a book: metadata.book is its URI
facts     survey of 2,203 files of seven OpenITI repositories; order of reliability from OpenITI's README; tags from
          oimdp; metadata of release 2019.1.1 (column versionUri; later releases have version_uri, from memory)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from corpora.errors import BadInput
from corpora.reading import File, Format, Lost, Record, Slice, Stream, Whole, sniff, stream_lines
from corpora.sources.base import Category, ParsedRecord, Quality, Source
from corpora.sources.openiti_markdown import NotOpenITI, parse, split_header

_EXTENSIONS = ("mARkdown", "completed", "inProgress", "")
_METADATA = "OpenITI*metadata*.csv"
_URI = re.compile(r"(?P<book>[^./]+\.[^./]+)\.(?P<version>[^./]+-[a-z]{3}\d+)(?:\.(?P<extension>\w+))?")


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
    COMPANIONS: ClassVar[tuple[str, ...]] = (_METADATA,)
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "CC-BY-NC-SA-4.0"

    versions: Literal["best", "all"] = field(
        default="best", metadata={"description": "versions of each book to read: the most reliable, or all"}
    )
    notes: Literal["drop", "keep"] = field(
        default="drop",
        metadata={"description": "references to notes, and notes at the feet of pages: drop or keep"},
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """mARkdown, one file per book."""
        return (_Book(),)

    def select(self, files: list[File]) -> list[File]:
        """Return one version of each book, or all versions if the option `versions` is "all".

        Raises BadInput if a metadata file lacks its columns.
        """
        tables = [file for file in files if fnmatch.fnmatch(_name(file), _METADATA)]
        books = [file for file in files if file not in tables]
        if self.versions == "all":
            return books
        primary = {uri for table in tables for uri in _primary(table)}
        best: dict[str, tuple[tuple[bool, int, str], File]] = {}
        for file in books:
            book, version, extension = _uri(_name(file))
            order = _EXTENSIONS.index(extension) if extension in _EXTENSIONS else len(_EXTENSIONS)
            rank = ((book, version) not in primary, order, version)
            if book not in best or rank < best[book][0]:
                best[book] = rank, file
        chosen = {file.path for _, file in best.values()}
        return [file for file in books if file.path in chosen]

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One file, one document."""
        book, version, _ = _uri(_name(part.file))
        parsed = parse(record.value, keep_notes=self.notes == "keep")
        return ParsedRecord(
            text=parsed.text,
            raw=record.value,
            removed=parsed.removed,
            id=f"{book}.{version}" if version else book,
            metadata={
                "book": book,
                "author": parsed.meta.get("author"),
                "title": parsed.meta.get("title"),
                "form": "verse" if parsed.verse else None,
            },
        )

    def profile_of(self, columns: Mapping[str, Any]) -> Quality | None:
        """Return "verse" for a book of verse."""
        return "verse" if columns["metadata"].get("form") == "verse" else super().profile_of(columns)


class _Book(Whole):
    """A whole file that begins with OpenITI's magic value."""

    description = "OpenITI mARkdown"

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
    """Return book URI, version and extension of a file name: (name, "", "") if it is not a version URI."""
    match = _URI.fullmatch(name)
    return (match["book"], match["version"], match["extension"] or "") if match else (name, "", "")


def _primary(table: File) -> Iterator[tuple[str, str]]:
    """Yield (book, version) of the primary versions in a release's metadata. Raises BadInput without its columns."""
    with Stream(table, sniff(table)) as stream:
        rows = ((line.data or b"").decode(errors="replace").split("\t") for line in stream_lines(stream))
        header = [column.replace("_", "").lower() for column in next(rows)]
        if not {"versionuri", "status"} <= set(header):
            reason = "has no columns versionUri and status, which OpenITI's metadata has"
            raise BadInput(table.path, reason, mend="remove it, or name only the books as input")
        uri, status = header.index("versionuri"), header.index("status")
        for row in rows:
            if len(row) == len(header) and row[status] == "pri":
                yield _uri(row[uri])[:2]
