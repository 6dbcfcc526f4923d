"""TinyStories: short English stories in the vocabulary of a small child, written by GPT-3.5 and GPT-4.

reads     text: stories between lines `<|endoftext|>`
text      the story
id        file name and byte offset of the story
licence   CDLA-Sharing 1.0 (from memory)
language  eng_Latn
category  english
dirt      the separator is not part of a document
facts     TinyStoriesV2-GPT4-{train,valid}.txt; not tested on a real file
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Blocks, Format, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class TinyStories(Source):
    """Stories of TinyStories."""

    name: ClassVar[str] = "tinystories"
    quality_profile: ClassVar[Quality | None] = "stories"
    FILES: ClassVar[tuple[str, ...]] = ("*.txt", "*.txt.*")
    NAMES: ClassVar[tuple[str, ...]] = ("TinyStories*",)
    CATEGORY: ClassVar[Category | None] = "english"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "CDLA-Sharing-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Blocks between separators."""
        return (Blocks(b"<|endoftext|>"),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One story, one document."""
        return ParsedRecord(text=record.value, id=f"{part.file.name}#{record.key}")
