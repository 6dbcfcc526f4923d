"""OSCAR: web text by language, with quality annotations (releases 22.01 and 23.01).

reads     JSON lines: 23.01 .jsonl.zst, 22.01 .jsonl.gz; and the nested form of Hugging Face loaders
          (id, text, meta{warc_headers, identification, ...}) as JSON lines or Parquet
text      content (text in the nested form)
id        warc_headers["warc-record-id"] (id, if the nested form has no headers)
licence   metadata CC0 1.0; the content is under Common Crawl's terms of use
language  metadata.identification.label: ar is arb_Arab, arz is arz_Arab
category  english for eng_Latn, else arabic
dirt      menus and footers in the text, marked by the warnings header and footer; warnings are `annotation` in 22.01;
          content-length is that of the original page, not of the text
facts     oscar-project/documentation, docs/versions/oscar-2301.md and docs/schema/schema-v2.md; nested form in
          Finnish-NLP/oscar_2301_fi_cleaned
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from corpora.reading import Format, JsonLines, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Skip, Source


@dataclass(frozen=True, kw_only=True)
class Oscar(Source):
    """Records of OSCAR, in any of its three forms."""

    name: ClassVar[str] = "oscar"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*", "*.parquet")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"content", "warc_headers", "metadata"}),
        frozenset({"text", "meta", "meta.identification"}),
    )
    LICENSE: ClassVar[str] = "CC0-1.0 (metadata); Common Crawl terms of use (content)"

    without: tuple[str, ...] = field(
        default=(),
        metadata={
            "description": "quality warnings whose documents are dropped (tiny, short_sentences, header, footer, "
            "noisy; adult in 22.01)"
        },
    )
    min_harmful_pp: float | None = field(
        default=None,
        metadata={
            "description": "documents with a lower harmful_pp are dropped (a low value is worse); documents without "
            "one are kept"
        },
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines; Parquet in the nested form."""
        return (JsonLines(), Parquet("text"))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one document."""
        fields = record.value
        nested = "content" not in fields
        text = fields.get("text") if nested else fields["content"]
        meta = _object(fields.get("meta") if nested else fields.get("metadata"))
        headers = _object(meta.get("warc_headers") if nested else fields.get("warc_headers"))
        warnings = meta.get("quality_warnings") or meta.get("annotation") or []
        harmful = meta.get("harmful_pp")
        shown = text if isinstance(text, str) else ""
        for warning in warnings:
            if warning in self.without:
                raise Skip(f"quality warning {warning}", shown)
        if self.min_harmful_pp is not None and harmful is not None and harmful < self.min_harmful_pp:
            raise Skip("harmful_pp", shown)
        identification = _object(meta.get("identification"))
        return ParsedRecord(
            text=text,
            id=headers.get("warc-record-id") or fields.get("id") or f"{part.file.name}#{record.key}",
            language=identification.get("label") or "",
            url=headers.get("warc-target-uri") or "",
            date=headers.get("warc-date") or "",
            metadata={"quality_warnings": list(warnings) or None, "harmful_pp": harmful},
        )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
