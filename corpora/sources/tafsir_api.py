"""tafsir_api: commentaries on the Quran by aya, in Arabic and other languages.

reads     JSON: tafsir/<edition>/<sura>.json of {ayahs: [{surah, ayah, text}]}; or files of single ayas,
          <edition>/<sura>/<aya>.json, which are read if the file of the sura is absent
text      text, without marks of printed pages such as [ ص: 137 ]
id        edition, sura and aya: ar-tafsir-al-tabari/2/255
licence   MIT for the repository; the texts are from quran.com and altafsir.com, whose terms were not checked
language  from the name of the edition: ar is arb_Arab, en is eng_Latn, kurd is ckb_Arab
category  classical for Arabic, else by language
dirt      ayas without a commentary are empty and are dropped; some editions repeat a text for each aya of a passage;
          line ends before headings and verse are missing in some. metadata.book is the edition
facts     spa5k/tafsir_api: README, LICENSE and files of ar-tafseer-al-qurtubi
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import Format, Record, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.editions import Editions, WholeJson, edition_of
from corpora.sources.values import id_of

_PAGE = re.compile(r"[ \t]*\[[ \t]*ص[ \t]*:[ \t]*\d+[ \t]*\][ \t]*")


@dataclass(frozen=True, kw_only=True)
class TafsirApi(Editions):
    """Commentaries on ayas, one document each."""

    name: ClassVar[str] = "tafsir-api"
    FILES: ClassVar[tuple[str, ...]] = ("*.json",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"surah", "ayah", "text"}),)
    LICENSE: ClassVar[str] = "MIT (repository); quran.com and altafsir.com (texts)"

    @property
    def formats(self) -> tuple[Format, ...]:
        """A JSON object of ayas."""
        return (WholeJson(_ayas, "a tafsir of tafsir_api"),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """The commentary on one aya, one document."""
        fields = record.value
        edition, text = edition_of(part.file.path), fields["text"]
        pages = _PAGE.findall(text) if isinstance(text, str) else []
        language = edition.partition("-")[0]
        return ParsedRecord(
            text=_PAGE.sub(" ", text).strip(" ") if pages else text,
            raw=text if pages else None,
            removed={"page marks": "".join(page.strip() for page in pages)} if pages else {},
            id=id_of(edition, fields["surah"], fields["ayah"]),
            language="ckb" if language == "kurd" else language,
            metadata={"book": f"tafsir-api/{edition}"},
        )


def _ayas(value: Any) -> Iterable[Any] | None:
    if isinstance(value, dict) and isinstance(value.get("ayahs"), list):
        ayas: list[Any] = value["ayahs"]
        return ayas
    return [value] if isinstance(value, dict) and {"surah", "ayah", "text"} <= value.keys() else None
