"""The Quran and its translations as JSON: quran-json, quran-api and alquran.cloud.

reads     JSON of quran-json: chapters [{id, name, verses: [{id, text, translation}]}], or one chapter; of quran-api:
          {quran: [{chapter, verse, text}]}, or {chapter: [...]}; of alquran.cloud: {data: {surahs: [{number, ayahs}],
          edition}}
text      the ayas of a sura, one per line, verbatim: they are not cleaned; the translation of a chapter is a document
          of its own
id        file name and number of the sura; for a translation beside the Quran also `-translation`
licence   CC BY-SA 4.0 (quran-json), Unlicense (quran-api) for the repositories, none stated (alquran.cloud); the
          rights of editions and translations are not stated. The publishers of the Quran allow verbatim copies only
language  the Quran: arb_Arab. Translations: the edition's language (alquran.cloud), else from the name of the file or
          folder: quran_en.json, chapters/en, eng-ummmuhammad
category  classical for Arabic, else by language
dirt      none; some editions have U+06CC for yeh and no-break spaces. metadata.book is the sura, so that all editions
          of a sura are in one split
facts     risan/quran-json: README and files of release 3.1; fawazahmed0/quran-api: README and files of editions;
          alquran.cloud's form from memory; licence of quran-api as stated in quran-json's README
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import File, Format, Record, Slice
from corpora.sources.base import ParsedRecord, Profile, Quality
from corpora.sources.editions import Editions, WholeJson, edition_of
from corpora.sources.values import id_of

_LICENSES = {"quran-json": "CC-BY-SA-4.0", "quran-api": "Unlicense", "alquran.cloud": "not stated"}
_EDITION = re.compile(r"(?P<language>[a-z]{3})-[a-z0-9]+(?P<latin>-lad?)?")
_LANGUAGE = re.compile(r"quran_([a-z]{2})\.json$|/chapters/([a-z]{2})/\d+\.json$|/translations/([a-z]{2})-[^/]+/")


@dataclass(frozen=True, kw_only=True)
class QuranJson(Editions):
    """Suras of an edition, one document each."""

    name: ClassVar[str] = "quran-json"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.json",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"sura", "ayas", "publisher"}),)
    cleaning: ClassVar[Profile] = "verbatim"

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON in one of three forms."""
        return (WholeJson(_suras, "the Quran as quran-json, quran-api or alquran.cloud write it"),)

    def select(self, files: list[File]) -> list[File]:
        """Return the files of whole editions; files of chapters and verses only if there is no whole edition."""
        files = super().select(files)
        whole = [file for file in files if not re.search(r"(^|/)(chapters|verses)/", file.name)]
        return whole or [file for file in files if not re.search(r"(^|/)verses/", file.name)]

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One sura, one document."""
        fields = record.value
        sura, translation, publisher = fields["sura"], fields.get("translation", False), fields["publisher"]
        language = fields.get("language") or _language(part.file.path, publisher, translation)
        rights = f"{_LICENSES[publisher]} (repository)" if publisher != "alquran.cloud" else _LICENSES[publisher]
        return ParsedRecord(
            text="\n".join(fields["ayas"]),
            id=f"{part.file.name}#{sura}{'-translation' if translation else ''}" if id_of(sura) else None,
            language=language,
            license=f"{rights}; rights of the edition not stated",
            metadata={"ayas": len(fields["ayas"]), "edition": fields.get("edition"), "book": f"quran/{sura}"},
        )


def _language(path: str, publisher: str, translation: bool) -> str:
    if publisher == "quran-api":
        match = _EDITION.fullmatch(edition_of(path))
        return match["language"] + ("_Latn" if match["latin"] else "") if match else ""
    if not translation:
        return "arb_Arab"
    match = _LANGUAGE.search(path)
    return next(filter(None, match.groups())) if match else ""


def _suras(value: Any) -> Iterable[Any] | None:
    """Return the suras of a file as {sura, ayas, publisher, ...}, None if it has none of the three forms."""
    if isinstance(value, list) and value and all(_has(item, "verses") for item in value):
        return _chapters(value)
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("verses"), list):
        return _chapters([value])
    if isinstance(value.get("chapters"), list) and all(_has(item, "verses") for item in value["chapters"]):
        return _chapters(value["chapters"])
    if _has(value, "verse") and _has(value, "text") and "chapter" in value:
        return _grouped([value])
    for key in ("quran", "chapter"):
        if isinstance(value.get(key), list) and any(_has(item, "verse") for item in value[key]):
            return _grouped(value[key])
    data: Any = value.get("data")
    if not _has(data, "edition"):
        return None
    suras = data["surahs"] if isinstance(data.get("surahs"), list) else [data]
    return _of_edition(suras, data["edition"]) if any(_has(sura, "ayahs") for sura in suras) else None


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _chapters(chapters: list[Any]) -> Iterator[Any]:
    """Yield the suras of quran-json, and their translations."""
    for chapter in chapters:
        verses = chapter["verses"] if isinstance(chapter["verses"], list) else [None]
        present = [key for key in ("text", "translation") if any(_has(verse, key) for verse in verses)]
        for key in present or ["text"]:
            yield {
                "sura": chapter.get("id"),
                "ayas": [verse.get(key) if isinstance(verse, dict) else None for verse in verses],
                "translation": key == "translation",
                "publisher": "quran-json",
            }


def _grouped(verses: list[Any]) -> Iterator[Any]:
    """Yield the suras of quran-api."""
    for sura, group in itertools.groupby(verses, lambda verse: verse["chapter"] if _has(verse, "chapter") else None):
        ayas = [verse.get("text") if isinstance(verse, dict) else None for verse in group]
        yield {"sura": sura, "ayas": ayas, "publisher": "quran-api"}


def _of_edition(suras: list[Any], edition: Any) -> Iterator[Any]:
    """Yield the suras of alquran.cloud."""
    of = edition if isinstance(edition, dict) else {}
    for sura in suras:
        ayas = sura.get("ayahs") if isinstance(sura, dict) else None
        yield {
            "sura": sura.get("number") if isinstance(sura, dict) else None,
            "ayas": [aya.get("text") if isinstance(aya, dict) else None for aya in ayas or ()],
            "language": "arb_Latn" if of.get("type") == "transliteration" else of.get("language"),
            "edition": of.get("identifier"),
            "publisher": "alquran.cloud",
        }
