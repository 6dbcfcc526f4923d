"""Base class of the sources of conversations. Their documents have category chat and keep their messages.

A record that is no conversation is dropped with a reason of `corpora.conversations`. A file whose first records hold
none is refused.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

from corpora.conversations import TURNS, NotAConversation, messages_of, to_text
from corpora.errors import BadInput
from corpora.reading import File, Record, Slice
from corpora.sources.base import FIRST_RECORDS, Category, ParsedRecord, Quality, Skip, Source
from corpora.sources.wrong_fields import PARSE_FAULTS


@dataclass(frozen=True, kw_only=True)
class Conversations(Source):
    """Records that are conversations. Raises ValueError for another category."""

    CATEGORY: ClassVar[Category | None] = "chat"
    quality_profile: ClassVar[Quality | None] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.category not in (None, self.CATEGORY):
            raise ValueError(f"category {self.category}: conversations have category {self.CATEGORY}; remove it")

    @abc.abstractmethod
    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the messages of a record, as `messages_of` reads them. May raise NotAConversation."""

    def checked_messages(self, record: Mapping[str, Any]) -> Any:
        """Return the messages of a record in the form of `corpora.conversations`. Raises NotAConversation."""
        return messages_of(self.turns_of(record))

    def fault(self, record: Mapping[str, Any]) -> str:
        """Return why a record is no conversation, "" if it is one."""
        try:
            self.checked_messages(record)
        except NotAConversation as error:
            return str(error)
        except PARSE_FAULTS:
            return "a field is missing or has another type"
        return ""

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the values of the document other than its text and turns."""
        return ParsedRecord(text="", id=f"{part.file.name}#{key}")

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One conversation, one document."""
        try:
            text, turns = to_text(self.checked_messages(record.value))
        except NotAConversation as error:
            raise Skip(str(error)) from None
        parsed = self.details(record.value, part, record.key)
        return replace(parsed, text=text, metadata={**parsed.metadata, TURNS: turns})

    def checked_slices(self, file: File) -> list[Slice]:
        """Return the slices of a file. Raises BadInput also if none of its first records is a list of messages."""
        parts = super().checked_slices(file)
        rows = islice(self.format_of(parts[0]).rows(parts[0]), FIRST_RECORDS) if parts else []
        reasons = {self.fault(row.value) for row in rows if isinstance(row, Record)}
        if reasons and reasons <= {"messages are no list", "a turn is no object"}:
            raise BadInput(
                file.path,
                f"its first records hold no conversation ({', '.join(sorted(reasons))}): source {self.name} reads "
                "lists of objects with role and content",
                mend="name the field of the messages in options: {names: {messages: FIELD}}, or read texts by jsonl, "
                "json or parquet",
            )
        return parts


def exchange(question: Any, answer: Any, *, system: Any = None, context: Any = None) -> list[dict[str, Any]]:
    """Return a question and its answer as messages. An empty system text is left out; context follows the question."""
    if context is not None and not isinstance(context, str):
        raise NotAConversation("text of a turn is not a string")
    asked = f"{question}\n\n{context}" if context and isinstance(question, str) else question
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return [*([{"role": "system", "content": system}] if system else []), *messages]
