"""OpenWebMath: web pages with mathematics, with their LaTeX.

reads     Parquet: url, text, date, metadata (a JSON string)
text      text
id        url
licence   ODC-By 1.0, under Common Crawl's terms of use
language  eng_Latn
category  math
dirt      a page that was crawled twice has two rows with the same url: the second is dropped ("duplicate id")
facts     dataset card and schema of open-web-math/open-web-math (6,315,233 rows)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Source


@dataclass(frozen=True, kw_only=True)
class OpenWebMath(Source):
    """Rows of OpenWebMath."""

    name: ClassVar[str] = "open-web-math"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"url", "text", "date", "metadata"}),)
    CATEGORY: ClassVar[Category | None] = "math"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("text", ("url", "text", "date")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(text=fields["text"], id=fields["url"], url=fields["url"], date=str(fields["date"] or ""))
