"""HPLT: web text by language from the Internet Archive and Common Crawl (releases 2.0 and 3.0).

reads     JSON lines, .jsonl.zst, or Parquet: <language>_<Script>/train-NNNNN-of-NNNNN.parquet
text      text
id        id (hash of the document)
licence   CC0 1.0; the content is under the terms of the crawls
language  lang, the most likely first: arb_Arab, ara_Arab is arb_Arab, arz_Arab, ...
category  english for eng_Latn, else arabic
dirt      that of web text; web-register (the register of the page with its probabilities, in release 3.0) is kept in
          the metadata
facts     columns of release 2.0 (u is the address, ts the time of the crawl) and the licence from the dataset cards of
          HPLT/HPLT2.0_cleaned and HPLT/HPLT3.0; processing in arXiv:2503.10267
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, JsonLines, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Source
from corpora.sources.values import date_of, json_like


@dataclass(frozen=True, kw_only=True)
class HPLT(Source):
    """Records of HPLT."""

    name: ClassVar[str] = "hplt"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*", "*.parquet")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "u", "ts", "lang"}),)
    LICENSE: ClassVar[str] = "CC0-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines or Parquet."""
        columns = ("text", "id", "u", "ts", "lang", "collection", "crawl_id", "web-register", "cluster_size")
        return (JsonLines(), Parquet("text", columns))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        languages = fields["lang"] or ""
        kept = ("collection", "crawl_id", "web-register", "cluster_size")
        return ParsedRecord(
            text=fields["text"],
            id=fields.get("id") or f"{part.file.name}#{record.key}",
            language=languages if isinstance(languages, str) else languages[0],
            url=fields["u"] or "",
            date=date_of(fields["ts"]),
            metadata={name: json_like(fields.get(name)) for name in kept},
        )
