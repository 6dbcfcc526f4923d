"""InstAr-500k: 481,281 instructions and answers in Arabic, generated and written by hand.

reads     Parquet: data/train-*.parquet, with the columns instruction, output, system, uuid, source, task and topic
text      system text if there is one, instruction and answer; the messages are rebuilt from it and metadata.turns
id        uuid; else file name and row number
licence   Apache 2.0
language  arb_Arab
category  chat
dirt      rows with an empty instruction or answer are dropped and counted
facts     https://huggingface.co/datasets/ClusterlabAi/InstAr-500k
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import Format, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations, exchange


@dataclass(frozen=True, kw_only=True)
class Instar500k(Conversations):
    """Instructions of InstAr-500k."""

    name: ClassVar[str] = "instar-500k"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"instruction", "output", "system", "uuid", "task", "topic"}),
    )
    LANGUAGE: ClassVar[str] = "arb_Arab"
    LICENSE: ClassVar[str] = "Apache-2.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("output"),)

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the system text, the instruction and the answer."""
        return exchange(record.get("instruction"), record.get("output"), system=record.get("system"))

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the id, the task and the topic."""
        about = {name: record.get(name) for name in ("task", "topic")}
        return ParsedRecord(text="", id=record.get("uuid") or f"{part.file.name}#{key}", metadata=about)
