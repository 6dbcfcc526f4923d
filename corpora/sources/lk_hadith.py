"""LK Hadith Corpus: the six canonical collections, vocalised, in Arabic and English, with isnad and matn separated.

reads     CSV, one file per chapter: <collection>/Chapter<n>.csv, 16 columns
text      Arabic_Hadith; if it is empty, Arabic_Isnad and Arabic_Matn
id        file name and row number: AbuDaud/Chapter1#0, if the folder of the collections is the input
licence   none stated
language  arb_Arab
category  classical
dirt      "nan" is a missing value; direction marks (U+200F) around most full stops are removed by `Clean`; some texts
          occur twice. metadata.book is the collection, by the folder of the file
facts     ShathaTm/LK-Hadith-Corpus: all 335 files, 34,088 rows (39,038 according to its README), four without text
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from corpora.reading import Csv, Format, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class LKHadith(Source):
    """Hadiths of the LK Hadith Corpus."""

    name: ClassVar[str] = "lk-hadith"
    FILES: ClassVar[tuple[str, ...]] = ("*.csv",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"Arabic_Hadith", "Arabic_Isnad", "Arabic_Matn"}),)
    quality_profile: ClassVar[Quality | None] = "reference"
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "not stated"

    @property
    def formats(self) -> tuple[Format, ...]:
        """CSV."""
        return (Csv(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One hadith, one document."""
        fields = {name: "" if value == "nan" else value for name, value in record.value.items()}
        parts = [fields["Arabic_Isnad"].strip(), fields["Arabic_Matn"].strip()]
        return ParsedRecord(
            text=fields["Arabic_Hadith"].strip() or "\n".join(text for text in parts if text),
            id=f"{part.file.name.removesuffix('.csv')}#{record.key}",
            metadata={
                "book": f"lk-hadith/{PurePosixPath(part.file.path).parent.name}",
                "chapter": fields.get("Chapter_Arabic") or None,
                "number": fields.get("Hadith_number", "").removesuffix(".0") or None,  # written by pandas as 12.0
                "grade": fields.get("Arabic_Grade") or None,
            },
        )
