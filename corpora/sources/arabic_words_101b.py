"""101 Billion Arabic Words: Arabic web text from Common Crawl's WET files, cleaned and deduplicated by Clusterlab.

reads     Parquet: data/train-NNNNN-of-NNNNN.parquet, or the same fields as JSON lines
text      text
id        file name and row number, or byte offset of the line
licence   Apache 2.0; the content is under Common Crawl's terms of use
language  arb_Arab
category  arabic
dirt      the publisher removed tashkeel and some punctuation (camel-tools, Tnkeeh); there is no id
facts     processing and licence from arXiv:2405.01590; columns date, text, url from the dataset card of
          ClusterlabAi/101_billion_arabic_words_dataset (from memory)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, JsonLines, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Source
from corpora.sources.values import date_of


@dataclass(frozen=True, kw_only=True)
class ArabicWords101B(Source):
    """Rows of 101 Billion Arabic Words."""

    name: ClassVar[str] = "arabic-words-101b"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet", "*.jsonl", "*.jsonl.*")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "date", "url"}),)
    EXACT: ClassVar[bool] = True
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "Apache-2.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet, or JSON lines."""
        return (Parquet("text", ("text", "date", "url")), JsonLines())

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(
            text=fields["text"],
            id=f"{part.file.name}#{record.key}",
            url=fields["url"] or "",
            date=date_of(fields["date"]),
        )
