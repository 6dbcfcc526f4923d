"""FineWeb-2: the web by language, from Common Crawl, already filtered and deduplicated by Hugging Face.

reads     Parquet: data/<language>_<Script>/{train,test}/NNN_NNNNN.parquet
text      text
id        id (`<urn:uuid:...>`, the WARC record)
licence   ODC-By 1.0, under Common Crawl's terms of use
language  columns language and language_script: arb_Arab, ars_Arab, arz_Arab, ...
category  english for eng_Latn, else arabic
dirt      language_score is not reliable (dataset card of akhooli/fineweb2_ar_24_sample); arz has many wiki stubs;
          minhash_cluster_size is kept in the metadata, so that duplicates can be upsampled
facts     schema in the cards of akhooli/fineweb2_ar_24_sample and ReactiveAI/fineweb-2-pol-latest; filters in
          huggingface/fineweb-2, fineweb-2-pipeline.py and configs/*_Arab.yml
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Quality, Source


@dataclass(frozen=True, kw_only=True)
class FineWeb2(Source):
    """Rows of FineWeb-2."""

    name: ClassVar[str] = "fineweb-2"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "id", "language", "language_script"}),)
    LICENSE: ClassVar[str] = "ODC-By-1.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        columns = ("text", "id", "dump", "url", "date", "language", "language_script", "minhash_cluster_size")
        return (Parquet("text", columns),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        return ParsedRecord(
            text=fields["text"],
            id=fields["id"],
            language=f"{fields['language']}_{fields['language_script']}",
            url=fields.get("url") or "",
            date=fields.get("date") or "",
            metadata={"dump": fields.get("dump"), "minhash_cluster_size": fields.get("minhash_cluster_size")},
        )
