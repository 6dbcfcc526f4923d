"""The Quran and its translations, in the editions of Tanzil.

reads     Tanzil text, with numbers (`sura|aya|text`) or without (one aya per line), or XML (`<sura><aya text=""/>`);
          the notice is in # lines or in a comment
text      the ayas of a sura, one per line, verbatim: they are not cleaned. The basmala of a sura, which XML has as an
          attribute, begins the first aya, as in the text form
id        file name and number of the sura, so that several editions in one folder have different ids
licence   the Quran: CC BY 3.0 and the complete notice of Tanzil, which must accompany every copy. Translations:
          non-commercial use, the rights are the translator's, with the notice of the file
language  the Quran: arb_Arab. Translations: Language or ID in the notice, else the file name (en.sahih.txt)
category  classical for Arabic, else by language
dirt      none; full vocalisation, with U+0640 U+0670 and the marks U+06D6 to U+06ED. metadata.book is the sura, so
          that all editions of a sura are in one split
facts     https://tanzil.net/docs/resources (6,236 ayas in 114 suras); terms of tanzil.net/docs/text_license and
          tanzil.net/trans; notices of quran-simple 1.1 and of translations that public repositories quote
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from xml.etree import ElementTree

from corpora.errors import BadInput
from corpora.reading import Format, Lost, Record, Slice, Whole, read_whole
from corpora.sources.base import ParsedRecord, Profile, Quality
from corpora.sources.editions import Editions

TRANSLATION_LICENSE = "Tanzil translations: non-commercial use; rights of the translator"

_AYA = re.compile(r"(\d+)\|(\d+)\|(.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NOTED = re.compile(r"^[#\s]*(Name|Language|ID)\s*:\s*(.+?)\s*$", re.MULTILINE)
_EDITION = re.compile(r"Tanzil Quran Text \(([^,)]+)")
_TRANSLATION = re.compile(r"([a-z]{2})\.[a-z0-9]+")
_LETTER = re.compile(r"[^\W\d_]")
_ARABIC = re.compile(r"[\u0620-\u064a\u0671-\u06d3]")

# Number of ayas in each sura, from 1 to 114.
_COUNTS = """
7 286 200 176 120 165 206 75 129 109 123 111 43 52 99 128 111 110 98 135 112 78 118 64 77 227 93 88 69 60 34 30 73
54 45 83 182 88 75 85 54 53 89 59 37 35 38 29 18 45 60 49 62 55 78 96 29 22 24 13 14 11 11 18 12 12 30 52 52 44 28
28 20 56 40 31 50 40 46 42 29 19 36 25 22 17 19 26 30 20 15 21 11 8 8 19 5 8 8 11 11 8 3 9 5 4 7 3 6 3 5 4 5 6
"""
AYAS = tuple(map(int, _COUNTS.split()))


@dataclass(frozen=True, kw_only=True)
class Quran(Editions):
    """Suras of an edition, one document each."""

    name: ClassVar[str] = "quran"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("quran*.txt", "quran*.xml", "[a-z][a-z].*.txt", "[a-z][a-z].*.xml")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"sura", "ayas", "notice", "edition"}),)
    cleaning: ClassVar[Profile] = "verbatim"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Tanzil's text or XML."""
        return (_Tanzil(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One sura, one document."""
        ayas: list[str] = record.value["ayas"]
        edition: Edition = record.value["edition"]
        licence = TRANSLATION_LICENSE if edition.translation else "CC-BY-3.0"
        return ParsedRecord(
            text="\n".join(ayas),
            id=f"{part.file.name}#{record.value['sura']}",
            language=edition.language,
            license=f"{licence}\n{record.value['notice']}".strip(),
            metadata={"ayas": len(ayas), "edition": edition.name or None, "book": f"quran/{record.value['sura']}"},
        )


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition of the Quran: its name, the name of its language, and whether it is a translation."""

    name: str
    language: str
    translation: bool


class _Tanzil(Whole):
    """A file of Tanzil. It has one record for each sura: {"sura", "ayas", "notice", "edition"}."""

    description = "Tanzil's text or XML"

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        try:
            text = read_whole(part).removeprefix(b"\xef\xbb\xbf").decode()
        except UnicodeDecodeError as error:
            raise BadInput(
                part.file.path, "is not UTF-8", place=f"byte {error.start}", mend="fetch it again"
            ) from error
        try:
            ayas, notice = _xml(text) if text.lstrip().startswith("<") else _text(text)
        except (ValueError, LookupError, ElementTree.ParseError) as error:
            raise BadInput(
                part.file.path, f"is not Tanzil's Quran ({error})", mend="see tanzil.net/download"
            ) from error
        edition = _edition(part.file.name.rsplit("/", 1)[-1], notice, ayas)
        for sura, group in itertools.groupby(ayas, lambda aya: aya[0]):
            texts = [text for _, text in group]
            yield Record(sura, {"sura": sura, "ayas": texts, "notice": notice, "edition": edition})


def _text(text: str) -> tuple[list[tuple[int, str]], str]:
    """Return (sura, text) of each aya, and the notice."""
    notice, plain, numbered = [], [], []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if line.startswith("#"):
            notice.append(line)
        elif match := _AYA.fullmatch(line):
            numbered.append((int(match[1]), match[3]))
        elif line.strip():
            plain.append((number, line))
    if not plain:
        return numbered, "\n".join(notice)
    if numbered:
        raise ValueError(f"line {plain[0][0]} is not sura|aya|text")
    if len(plain) != sum(AYAS):
        raise ValueError(
            f"line {plain[0][0]} is not sura|aya|text, and {len(plain):,} lines are not {sum(AYAS):,} ayas"
        )
    suras = [sura for sura, count in enumerate(AYAS, 1) for _ in range(count)]
    return [(sura, line) for sura, (_, line) in zip(suras, plain, strict=True)], "\n".join(notice)


def _xml(text: str) -> tuple[list[tuple[int, str]], str]:
    """Return (sura, text) of each aya, and the notice.

    Comments are removed before parsing: those of Tanzil contain `--`, which XML does not allow.
    """
    notice = "\n".join(comment[4:-3].strip() for comment in _COMMENT.findall(text))
    ayas = []
    for sura in ElementTree.fromstring(_COMMENT.sub("", text).lstrip()).iter("sura"):
        for aya in sura.iter("aya"):
            basmala = aya.attrib.get("bismillah", "")
            ayas.append((int(sura.attrib["index"]), f"{basmala} {aya.attrib['text']}".lstrip(" ")))
    return ayas, notice


def _edition(name: str, notice: str, ayas: list[tuple[int, str]]) -> Edition:
    """Return the edition that the notice declares; without one, that of the file's name, or of the script."""
    noted = dict(_NOTED.findall(notice))
    if match := _EDITION.search(notice):
        return Edition(match[1], "arb_Arab", translation=False)
    id_ = noted.get("ID") or (match[0] if (match := _TRANSLATION.match(name)) else "")
    if id_ or "Quran Translation" in notice:
        code = id_.partition(".")[0]
        language = "arb_Latn" if id_.endswith("transliteration") else noted.get("Language") or code
        return Edition(id_ or noted.get("Name", ""), language, translation=True)
    sample = "".join(text for _, text in ayas[:100])
    arabic = 2 * len(_ARABIC.findall(sample)) > len(_LETTER.findall(sample))
    return Edition("", "arb_Arab" if arabic else "", translation=not arabic)
