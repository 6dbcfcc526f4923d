"""mC4 and C4: web text by language from Common Crawl, the training set of mT5 and T5.

reads     JSON lines: multilingual/c4-<language>.tfrecord-NNNNN-of-NNNNN.json.gz, en/c4-train.NNNNN-of-NNNNN.json.gz
text      text
id        file name and byte offset of the line
licence   ODC-By 1.0, under Common Crawl's terms of use
language  from the file name: c4-ar is arb_Arab; c4-train and c4-validation are C4, which is eng_Latn
category  english for eng_Latn, else arabic
dirt      that of web text; the languages were identified by cld3, which is often wrong for dialects
facts     fields text, timestamp, url and the licence from the dataset card of allenai/c4 (from memory)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, JsonLines, Record, Slice
from corpora.sources.base import ParsedRecord, Source
from corpora.sources.values import date_of

_MULTILINGUAL = re.compile(r"m?c4-([a-z]{2,3}(?:-[A-Z][a-z]{3})?)[.-]")
_ENGLISH = ("c4-train.", "c4-validation.")


@dataclass(frozen=True, kw_only=True)
class MC4(Source):
    """Records of mC4 and C4."""

    name: ClassVar[str] = "mc4"
    FILES: ClassVar[tuple[str, ...]] = ("*.json", "*.json.*", "*.jsonl", "*.jsonl.*")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "timestamp", "url"}),)
    EXACT: ClassVar[bool] = True
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines."""
        return (JsonLines(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(
            text=fields["text"],
            id=f"{part.file.name}#{record.key}",
            language=_language(part.file.name.rsplit("/", 1)[-1]),
            url=fields["url"] or "",
            date=date_of(fields["timestamp"]),
        )


def _language(name: str) -> str:
    if match := _MULTILINGUAL.match(name):
        return match[1]
    return "en" if name.startswith(_ENGLISH) else ""
