"""CulturaX: web text by language, of mC4 and OSCAR, cleaned and deduplicated.

reads     Parquet: <language>/<language>_part_NNNNN.parquet
text      text
id        file name and row number
licence   ODC-By 1.0 for the part of mC4, CC0 1.0 for the metadata of the part of OSCAR; the content is under Common
          Crawl's terms of use. The column source decides: mC4, or a release of OSCAR
language  from the file name: ar is arb_Arab
category  english for eng_Latn, else arabic
dirt      that of web text; Persian kaf and yeh in some Arabic pages are normalised by `Clean`
facts     columns text, timestamp, url, source and the licences from the dataset card of uonlp/CulturaX (from memory)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Source
from corpora.sources.values import date_of

_PART = re.compile(r"\b([a-z]{2,3})_part_\d+\.[^/]+$")
_MC4, _OSCAR = "ODC-By-1.0", "CC0-1.0 (metadata); Common Crawl terms of use (content)"


@dataclass(frozen=True, kw_only=True)
class CulturaX(Source):
    """Rows of CulturaX."""

    name: ClassVar[str] = "culturax"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "timestamp", "url", "source"}),)
    EXACT: ClassVar[bool] = True

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("text", ("text", "timestamp", "url", "source")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        origin = fields["source"] or ""
        return ParsedRecord(
            text=fields["text"],
            id=f"{part.file.name}#{record.key}",
            language=match[1] if (match := _PART.search(part.file.name)) else "",
            license=_MC4 if origin.lower() == "mc4" else _OSCAR,
            url=fields["url"] or "",
            date=date_of(fields["timestamp"]),
            metadata={"origin": origin or None},
        )
