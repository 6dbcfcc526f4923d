"""Tashkeela: vocalised classical passages, in an edition cleaned for diacritisation research.

reads     text, one passage per line: train.txt, val.txt, test.txt
text      the line
id        file name and byte offset of the line
licence   MIT (the cleaned edition, AliOsm/arabic-text-diacritization)
language  arb_Arab
category  classical
dirt      references to volume and page are kept in the text: ( 7 / 119 )
facts     AliOsm/arabic-text-diacritization (2,500 passages in val.txt)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Lines, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class Tashkeela(Source):
    """Passages of Tashkeela."""

    name: ClassVar[str] = "tashkeela"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.txt", "*.txt.*")
    NAMES: ClassVar[tuple[str, ...]] = ("train.txt", "val.txt", "test.txt")
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "MIT"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Lines of text."""
        return (Lines(),)

    def is_like(self, text: str) -> bool:
        """Return whether a text is vocalised: a third of its characters are vowel marks."""
        return 4 * sum("\u064b" <= char <= "\u0652" for char in text) > len(text)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One line, one document."""
        return ParsedRecord(text=record.value, id=f"{part.file.name}#{record.key}")
