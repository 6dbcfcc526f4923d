"""FineWeb-Edu: English web pages that a classifier selected as educational.

reads     Parquet
text      text
id        id (`<urn:uuid:...>`, the WARC record)
licence   ODC-By 1.0, under Common Crawl's terms of use
language  eng_Latn (column language is `en`)
category  english
dirt      that of web text; score is kept in the metadata
facts     schema in the card of airtrain-ai/fineweb-edu-fortified
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class FineWebEdu(Source):
    """Rows of FineWeb-Edu."""

    name: ClassVar[str] = "fineweb-edu"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "id", "score", "int_score"}),)
    CATEGORY: ClassVar[Category | None] = "english"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("text", ("text", "id", "dump", "url", "language", "score")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(
            text=fields["text"],
            id=fields["id"],
            language=fields.get("language") or "",
            url=fields.get("url") or "",
            metadata={"dump": fields.get("dump"), "score": fields.get("score")},
        )
