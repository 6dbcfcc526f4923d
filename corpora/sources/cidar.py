"""CIDAR: 10,000 instructions and answers in Arabic, reviewed for Arab culture.

reads     Parquet: data/train-*.parquet, with the columns instruction, output and index
text      instruction and answer; the messages are rebuilt from it and metadata.turns
id        index
licence   CC BY-NC 4.0
language  arb_Arab
category  chat
dirt      none known
facts     https://huggingface.co/datasets/arbml/CIDAR, Alyafeai et al. 2024
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import Format, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations, exchange


@dataclass(frozen=True, kw_only=True)
class Cidar(Conversations):
    """Instructions of CIDAR."""

    name: ClassVar[str] = "cidar"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"instruction", "output", "index"}),)
    EXACT: ClassVar[bool] = True
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "CC-BY-NC-4.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("output"),)

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the instruction and the answer."""
        return exchange(record.get("instruction"), record.get("output"))

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the id."""
        return ParsedRecord(text="", id=record.get("index"))
