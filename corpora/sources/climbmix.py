"""ClimbMix: English web text selected by clusters, in the shuffled form that nanochat uses.

reads     Parquet with the single column text
text      text
id        file name and row number
licence   CC BY-NC 4.0 (from memory, not checked)
language  eng_Latn
category  english
dirt      that of web text
facts     karpathy's shuffled shards have this single column (not checked at the publisher)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class ClimbMix(Source):
    """Rows of ClimbMix."""

    name: ClassVar[str] = "climbmix"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text"}),)
    EXACT: ClassVar[bool] = True
    NAMES: ClassVar[tuple[str, ...]] = ("shard_[0-9]*.parquet",)
    CATEGORY: ClassVar[Category | None] = "english"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "CC-BY-NC-4.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("text", ("text",)),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        return ParsedRecord(text=record.value["text"], id=f"{part.file.name}#{record.key}")
