"""The Quran in the edition of Tanzil.

reads     Tanzil text (`sura|aya|text`, with a notice in # lines at the end) or XML (`<sura><aya text=""/>`)
text      the ayas of a sura, one per line, verbatim: they are not cleaned
id        number of the sura
licence   CC BY 3.0 and the complete notice of Tanzil, which must accompany every copy
language  arb_Arab
category  classical
dirt      none; full vocalisation, with U+0640 U+0670 and the marks U+06D6 to U+06ED
facts     https://tanzil.net/docs/resources (6,236 ayas in 114 suras)
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
from corpora.sources.base import Category, ParsedRecord, Profile, Quality, Source

_AYA = re.compile(r"(\d+)\|(\d+)\|(.+)")


@dataclass(frozen=True, kw_only=True)
class Quran(Source):
    """Suras, one document each."""

    name: ClassVar[str] = "quran"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("quran*.txt", "quran*.xml")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"sura", "ayas", "notice"}),)
    CATEGORY: ClassVar[Category | None] = "classical"
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "CC-BY-3.0"
    cleaning: ClassVar[Profile] = "verbatim"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Tanzil's text or XML."""
        return (_Tanzil(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One sura, one document."""
        ayas: list[str] = record.value["ayas"]
        return ParsedRecord(
            text="\n".join(ayas),
            id=str(record.value["sura"]),
            license=f"CC-BY-3.0\n{record.value['notice']}".strip(),
            metadata={"ayas": len(ayas)},
        )


class _Tanzil(Whole):
    """A file of Tanzil. It has one record for each sura: {"sura", "ayas", "notice"}."""

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
        except (ValueError, ElementTree.ParseError) as error:
            raise BadInput(
                part.file.path, f"is not Tanzil's Quran ({error})", mend="see tanzil.net/download"
            ) from error
        for sura, group in itertools.groupby(ayas, lambda aya: aya[0]):
            yield Record(sura, {"sura": sura, "ayas": [text for _, text in group], "notice": notice})


def _text(text: str) -> tuple[list[tuple[int, str]], str]:
    ayas, notice = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            notice.append(line)
        elif match := _AYA.fullmatch(line):
            ayas.append((int(match[1]), match[3]))
        elif line.strip():
            raise ValueError(f"line {number} is not sura|aya|text")
    return ayas, "\n".join(notice)


def _xml(text: str) -> tuple[list[tuple[int, str]], str]:
    notice = "\n".join(comment.strip() for comment in re.findall(r"<!--(.*?)-->", text, re.DOTALL))
    suras = ElementTree.fromstring(text).iter("sura")
    return [(int(sura.attrib["index"]), aya.attrib["text"]) for sura in suras for aya in sura.iter("aya")], notice
