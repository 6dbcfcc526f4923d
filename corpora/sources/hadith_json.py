"""hadith-json: collections of hadith, vocalised, with English translations.

reads     JSON: {id, metadata, chapters, hadiths: [{id, bookId, chapterId, arabic, english}]}, one file per collection
text      arabic
id        bookId and id
licence   ISC for the code; the texts are from sunnah.com, whose terms were not checked
language  arb_Arab
category  classical
dirt      U+FDFA and similar ligatures are kept; direction marks are removed by `Clean`. metadata.book is the
          collection
facts     AhmedBaset/hadith-json (50,884 hadiths)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Json, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source
from corpora.sources.values import id_of


@dataclass(frozen=True, kw_only=True)
class HadithJson(Source):
    """Hadiths of hadith-json."""

    name: ClassVar[str] = "hadith-json"
    FILES: ClassVar[tuple[str, ...]] = ("*.json",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"arabic", "bookId", "id"}),)
    quality_profile: ClassVar[Quality | None] = "reference"
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "ISC (code); sunnah.com (texts)"

    @property
    def formats(self) -> tuple[Format, ...]:
        """The array `hadiths` of a JSON object."""
        return (Json("hadiths"),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One hadith, one document."""
        fields = record.value
        book, number = fields.get("bookId"), fields.get("id")
        return ParsedRecord(
            text=fields.get("arabic"),
            id=id_of(book, number),
            metadata={"book": f"hadith-json/{book}"},
        )
