"""AraStories: short stories in standard, Egyptian and Moroccan Arabic, written by GPT-4 from prompts.

reads     CSV with the columns (unnamed index), Prompt, Story; one file for each variety
text      Story (Prompt is an instruction and is not included)
id        variety and index
licence   MIT (README; there is no LICENSE file)
language  from the file name: MSA is arb_Arab, Egyptian is arz_Arab, Moroccan is ary_Arab
category  arabic
dirt      none observed
facts     UBC-NLP/arastories, data/Formatted-*-prompts-stories-for-fine-tuning.csv
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Csv, Format, Record, Slice
from corpora.sources.base import ParsedRecord, Quality, Source

_VARIETIES = {"MSA": "arb_Arab", "Egyptian": "arz_Arab", "Moroccan": "ary_Arab"}


@dataclass(frozen=True, kw_only=True)
class AraStories(Source):
    """Stories of AraStories."""

    name: ClassVar[str] = "arastories"
    quality_profile: ClassVar[Quality | None] = "stories"
    FILES: ClassVar[tuple[str, ...]] = ("*.csv",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"Prompt", "Story"}),)
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "MIT"

    @property
    def formats(self) -> tuple[Format, ...]:
        """CSV."""
        return (Csv(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One story, one document."""
        language = next((label for variety, label in _VARIETIES.items() if variety in part.file.name), "")
        return ParsedRecord(
            text=record.value["Story"],
            id=f"{language or part.file.name}/{record.value.get('', record.key)}",
            language=language,
        )
