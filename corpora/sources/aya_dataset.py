"""Aya dataset: prompts and answers that speakers of 65 languages wrote; the rows in Arabic and its varieties.

reads     Parquet: data/train-*.parquet, with the columns inputs, targets, language, language_code, annotation_type
          and user_id
text      prompt and answer; the messages are rebuilt from it and metadata.turns
id        file name and row number
licence   Apache 2.0
language  language_code: arb, arz, ary, ars, acq, ajp, ...; with option every_language those of the other rows
category  chat
dirt      rows in other languages are dropped and counted, unless the option every_language is true
facts     https://huggingface.co/datasets/CohereForAI/aya_dataset, Singh et al. 2024
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from corpora.conversations import NotAConversation
from corpora.languages import is_arabic, known
from corpora.reading import Format, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations, exchange


@dataclass(frozen=True, kw_only=True)
class AyaDataset(Conversations):
    """Prompts and answers of the Aya dataset."""

    name: ClassVar[str] = "aya-dataset"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"inputs", "targets", "language_code"}),)
    LANGUAGE: ClassVar[str] = "und"
    LICENSE: ClassVar[str] = "Apache-2.0"

    every_language: bool = field(
        default=False, metadata={"description": "read the rows in other languages than Arabic too"}
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (Parquet("targets"),)

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the prompt and the answer. Raises NotAConversation for a row in another language than Arabic."""
        label = known(str(record.get("language_code")))
        if not self.every_language and (label is None or not is_arabic(label)):
            raise NotAConversation("another language")
        return exchange(record.get("inputs"), record.get("targets"))

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the id, the language and how the row was made."""
        return ParsedRecord(
            text="",
            id=f"{part.file.name}#{key}",
            language=str(record["language_code"]),
            metadata={"annotation_type": record.get("annotation_type")},
        )
