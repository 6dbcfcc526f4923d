"""Your own conversations: messages, ShareGPT's conversations, or instructions with their answers.

reads     JSON lines, JSON, Parquet, plain or compressed. A record has one of: messages (role and content, as OpenAI's
          and transformers'), conversations (from and value, ShareGPT), instruction with output (and input, Alpaca),
          inputs and targets (Aya), prompt with completion or response, question and answer. Option names maps other
          names, and roles other roles
text      the texts of all turns; the messages are rebuilt from it and metadata.turns. reasoning_content, tool_calls
          and parts of type text, reasoning, thinking, tool_call, python and python_output are kept
id        field id, conversation_id or uuid; else folder, file name and position of the record
licence   field license; else option license
language  field language; else that of the path; else option language, else und (undetermined)
category  chat
dirt      dropped with their reason: no list of messages, no turns, an unknown role, an empty turn, two turns of one
          role, no answer, a system turn after the first, no user's turn before the first answer, images
facts     https://huggingface.co/docs/transformers/chat_templating, https://huggingface.co/docs/trl/dataset_formats
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from corpora.conversations import ROLES, NotAConversation, messages_of
from corpora.reading import Format, Json, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations, exchange
from corpora.sources.encoded import Encoded
from corpora.sources.field_paths import value_at
from corpora.sources.values import as_text

MESSAGES = ("messages", "conversations", "conversation")
PAIRS = (
    ("instruction", "output"),
    ("inputs", "targets"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("question", "answer"),
)
"""Fields of a question and its answer."""
_NAMES = ("messages", "question", "answer", "context", "system", "role", "content")
_IDS = ("id", "conversation_id", "uuid")


@dataclass(frozen=True, kw_only=True)
class Chat(Encoded, Conversations):
    """Conversations of your own files. Raises ValueError for a name or role that has no meaning."""

    name: ClassVar[str] = "chat"
    FILES: ClassVar[tuple[str, ...]] = (
        *("*.jsonl", "*.jsonl.*", "*.ndjson", "*.ndjson.*", "*.json", "*.json.*"),
        "*.parquet",
    )
    LANGUAGE: ClassVar[str] = "und"
    OWN: ClassVar[bool] = True

    names: dict[str, str] = field(
        default_factory=dict,
        metadata={
            "description": "your names of fields: messages, or question, answer, context and system; role and content "
            "in a message: {messages: dialog, role: speaker, content: value}"
        },
    )
    roles: dict[str, str] = field(
        default_factory=dict,
        metadata={"description": "your names of roles: {customer: user, agent: assistant}"},
    )
    records: str = field(
        default="",
        metadata={"description": "keys that lead to the records of a JSON file, joined by dots (data.items)"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.names:
            if name not in _NAMES:
                raise ValueError(f"names: {name!r} is none of {', '.join(_NAMES)}")
        for name, role in self.roles.items():
            if role not in ROLES.values():
                raise ValueError(f"roles: {name!r} is {role!r}, which is none of user, assistant, system, tool")

    @cached_property
    def fields(self) -> tuple[frozenset[str], ...]:
        """The fields of messages, or of a question and its answer."""
        if "messages" in self.names:
            return (frozenset({self.names["messages"]}),)
        if {"question", "answer"} & self.names.keys():
            return (frozenset(self._pair),)
        return (*(frozenset({name}) for name in MESSAGES), *map(frozenset, PAIRS))

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet, JSON lines and JSON."""
        return (Parquet("messages"), Json(self.records))

    @property
    def _pair(self) -> tuple[str, str]:
        return self.names.get("question", "question"), self.names.get("answer", "answer")

    @cached_property
    def _roles(self) -> dict[str, str]:
        return {**ROLES, **{name.strip().lower(): role for name, role in self.roles.items()}}

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the messages of a record: its list, or a question and its answer."""
        named = "messages" in self.names
        for name in (self.names["messages"],) if named else MESSAGES:
            if (value := value_at(record, name)) is not None or named:
                return value
        given = {"question", "answer"} & self.names.keys()
        for question, answer in (self._pair,) if given else PAIRS:
            if value_at(record, question) is not None or given:
                if not given and value_at(record, answer) is None and answer != PAIRS[-1][1]:
                    continue
                context, system = (
                    value_at(record, self.names.get(name, other))
                    for name, other in (("context", "input"), ("system", "system"))
                )
                return exchange(value_at(record, question), value_at(record, answer), system=system, context=context)
        raise NotAConversation("no turns")

    def checked_messages(self, record: Mapping[str, Any]) -> Any:
        """Return the messages of a record, with the names and roles of the options."""
        names = self.names.get("role", "role"), self.names.get("content", "content")
        return messages_of(self.turns_of(record), self._roles, names)

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return id, language, licence, address and date of a record."""
        labels: dict[str, Any] = {
            name: as_text(record.get(name), number=name == "date") or ""
            for name in ("language", "license", "url", "date")
        }
        own = next((str(record[name]) for name in _IDS if isinstance(record.get(name), str | int)), None)
        return ParsedRecord(text="", id=own if own else f"{part.file.name}#{key}", **labels)
