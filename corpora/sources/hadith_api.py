"""hadith-api: collections of hadith in Arabic, with and without vowel marks, and in translations.

reads     JSON: {metadata, hadiths: [{hadithnumber, text, grades, reference}]}; editions/<language>-<collection>.json,
          or files of sections or single hadiths in a folder of that name, which are read if the whole edition is
          absent
text      text
id        edition and hadithnumber: ara-bukhari/7
licence   Unlicense for the repository; the rights of the editions and translations are not stated
language  from the name of the edition: ara is arb_Arab, eng is eng_Latn; -la and -lad are in Latin script
category  classical for Arabic, else by language
dirt      hadiths without text are dropped; ara-<collection>1 is the edition without vowel marks. metadata.book is the
          collection, so that all its editions are in one split
facts     fawazahmed0/hadith-api: README and files of ara-abudawud; licence from memory
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Json, Record, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.editions import Editions, edition_of
from corpora.sources.values import id_of, json_like

_EDITION = re.compile(r"(?P<language>[a-z]{2,3})-(?P<book>[a-z]+)\d*(?P<latin>-lad?)?")


@dataclass(frozen=True, kw_only=True)
class HadithApi(Editions):
    """Hadiths of hadith-api."""

    name: ClassVar[str] = "hadith-api"
    FILES: ClassVar[tuple[str, ...]] = ("*.json",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"hadithnumber", "text"}),)
    LICENSE: ClassVar[str] = "Unlicense (repository); rights of the editions not stated"

    @property
    def formats(self) -> tuple[Format, ...]:
        """The array `hadiths` of a JSON object."""
        return (Json("hadiths"),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One hadith, one document."""
        fields = record.value
        edition, number, reference = edition_of(part.file.path), fields["hadithnumber"], fields.get("reference")
        match = _EDITION.fullmatch(edition)
        return ParsedRecord(
            text=fields["text"],
            id=id_of(edition, number),
            language=match["language"] + ("_Latn" if match["latin"] else "") if match else "",
            metadata={
                "book": f"hadith-api/{match['book'] if match else edition}",
                "number": str(number),
                "chapter": json_like(reference.get("book")) if isinstance(reference, dict) else None,
                "grades": json_like(fields.get("grades")) or None,
            },
        )
