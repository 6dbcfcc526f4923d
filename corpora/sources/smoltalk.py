"""SmolTalk: a million synthetic conversations in English, the instruction data of SmolLM2.

reads     Parquet: data/all/train-*.parquet, with the columns messages{role, content} and source
text      the texts of all turns; the messages are rebuilt from it and metadata.turns
id        file name and row number
licence   Apache 2.0
language  eng_Latn
category  chat
dirt      conversations of which turns are empty or follow one another wrongly are dropped and counted
facts     https://huggingface.co/datasets/HuggingFaceTB/smoltalk
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.reading import Format, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations


@dataclass(frozen=True, kw_only=True)
class SmolTalk(Conversations):
    """Conversations of SmolTalk."""

    name: ClassVar[str] = "smoltalk"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"messages", "source"}),)
    EXACT: ClassVar[bool] = True
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "Apache-2.0"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("messages"),)

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the column messages."""
        return record.get("messages")

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the id, and the set that the conversation is from."""
        return ParsedRecord(text="", id=f"{part.file.name}#{key}", metadata={"subset": record.get("source")})
