"""CC-100: Common Crawl by language, the training set of XLM-R.

reads     <language>.txt.xz: one paragraph per line, an empty line between documents
text      the lines of a document
id        file name and byte offset of the document
licence   not stated; the content is under Common Crawl's terms of use
language  from the file name: ar.txt.xz is arb_Arab
category  english for eng_Latn, else arabic
dirt      there is no metadata to filter by
facts     general descriptions of the format, not checked at the publisher
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Blocks, Format, Record, Slice
from corpora.sources.base import ParsedRecord, Source


@dataclass(frozen=True, kw_only=True)
class CC100(Source):
    """Documents of CC-100."""

    name: ClassVar[str] = "cc100"
    FILES: ClassVar[tuple[str, ...]] = ("*.txt", "*.txt.xz")
    NAMES: ClassVar[tuple[str, ...]] = ("[a-z][a-z].txt.xz", "[a-z][a-z][a-z].txt.xz", "[a-z][a-z]_*.txt.xz")
    LICENSE: ClassVar[str] = "Common Crawl terms of use"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Blocks between empty lines."""
        return (Blocks(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One block, one document."""
        code = part.file.name.rsplit("/", 1)[-1].partition(".")[0]
        return ParsedRecord(text=record.value, id=f"{part.file.name}#{record.key}", language=code)
