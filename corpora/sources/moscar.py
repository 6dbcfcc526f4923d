"""mOSCAR: web pages with the order of their texts and images, by language.

reads     JSON lines or Parquet: <language>_<Script>/*.jsonl.zst; images and metadata beside the texts
text      the texts of a page in their order, one per line; images are not included
id        file name and byte offset of the line or row number
licence   CC BY 4.0; the content is under Common Crawl's terms of use
language  from the folder name: arb_Arab, arz_Arab, ...
category  english for eng_Latn, else arabic
dirt      short texts of menus and captions among the paragraphs
facts     oscar-project/documentation, docs/versions/mOSCAR.md (fields and languages); licence from arXiv:2406.08707
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import Format, JsonLines, Parquet, Record, Slice
from corpora.sources.base import ParsedRecord, Source


@dataclass(frozen=True, kw_only=True)
class MOscar(Source):
    """Pages of mOSCAR, one document each."""

    name: ClassVar[str] = "moscar"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*", "*.parquet")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"text", "images", "metadata"}),)
    LICENSE: ClassVar[str] = "CC-BY-4.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines or Parquet."""
        return (JsonLines(), Parquet("text", ("text", "metadata")))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One page, one document."""
        fields = record.value
        page = fields["metadata"]
        page = page[0] if isinstance(page, list) and page else page or {}
        url = page.get("url")
        return ParsedRecord(
            text="\n".join(_texts(fields["text"])),
            id=f"{part.file.name}#{record.key}",
            url=(url[0] if isinstance(url, list) and url else url) or "",
        )


def _texts(nodes: Any) -> list[str]:
    """Return the texts of a page's nodes. A node is an object with a text, or the text itself."""
    if isinstance(nodes, dict):  # as `datasets` writes a list of objects: an object of lists
        nodes = nodes["text"]
    if not isinstance(nodes, list):
        raise TypeError("text is not a list")
    return [node if isinstance(node, str) else node["text"] for node in nodes]
