"""FineWeb: English web text from Common Crawl, already filtered and deduplicated by Hugging Face.

reads     Parquet: data/<dump>/NNN_NNNNN.parquet, sample/<size>/NNN_NNNNN.parquet
text      text
id        id (`<urn:uuid:...>`, the WARC record)
licence   ODC-By 1.0, under Common Crawl's terms of use
language  eng_Latn (column language is `en`)
category  english
dirt      that of web text
facts     columns from the dataset card of HuggingFaceFW/fineweb (from memory); licence as in the cards of FineWeb-2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source
from corpora.sources.values import date_of

_COLUMNS = "text id dump url date file_path language language_score token_count"


@dataclass(frozen=True, kw_only=True)
class FineWeb(Source):
    """Rows of FineWeb."""

    name: ClassVar[str] = "fineweb"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset(_COLUMNS.split()),)
    EXACT: ClassVar[bool] = True
    CATEGORY: ClassVar[Category | None] = "english"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("text", ("text", "id", "dump", "url", "date", "language")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(
            text=fields["text"],
            id=fields["id"],
            language=fields["language"] or "",
            url=fields["url"] or "",
            date=date_of(fields["date"]),
            metadata={"dump": fields["dump"]},
        )
