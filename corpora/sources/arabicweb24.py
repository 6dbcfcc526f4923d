"""ArabicWeb24: Arabic web text of early 2024, filtered and deduplicated by LightOn.

reads     Arrow IPC files: ArabicWeb24/**/*.arrow, with the columns text and metadata{token_count, labels{language,
          language_score}, ...}
text      text
id        id if there is one, else file name and row number
licence   ODC-By 1.0
language  metadata.labels.language, else arb_Arab
category  arabic
dirt      that of web text: mostly news in standard Arabic; the version V1 has no sentence that occurs in many pages
facts     fields of the metadata, licence and size (38,159,291 rows in 396 files) of lightonai/ArabicWeb24 from a
          datasheet of a copy in a public repository; versions and filters from LightOn's blog of August 2024. The
          fields url and date of the metadata are those of datatrove, which made the data (not checked)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Arrow, Format, Record, Slice
from corpora.sources.base import ParsedRecord, Quality, Source
from corpora.sources.values import date_of, json_like


@dataclass(frozen=True, kw_only=True)
class ArabicWeb24(Source):
    """Rows of ArabicWeb24."""

    name: ClassVar[str] = "arabicweb24"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.arrow",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "metadata", "metadata.labels"}),)
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Arrow."""
        return (Arrow("text", ("text", "id", "metadata")),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        metadata = fields["metadata"] or {}
        labels = metadata.get("labels") or {}
        return ParsedRecord(
            text=fields["text"],
            id=fields.get("id") or f"{part.file.name}#{record.key}",
            language=labels.get("language") or "",
            url=metadata.get("url") or "",
            date=date_of(metadata.get("date")),
            metadata={"language_score": json_like(labels.get("language_score"))},
        )
