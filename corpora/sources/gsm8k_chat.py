"""GSM8K as conversations: problems of grade school mathematics, whose calculations are calls of Python.

reads     JSON lines: train.jsonl, test.jsonl, as source gsm8k; Parquet of the same columns, question and answer
text      question and worked answer; the messages are rebuilt from it and metadata.turns. A calculation <<16-3-4=9>>
          becomes two parts, python (16-3-4) and python_output (9), for nanochat's layout
id        file name and byte offset of the line, or row number
licence   MIT
language  eng_Latn
category  chat
dirt      none known
facts     openai/grade-school-math; the parts are those of karpathy/nanochat, tasks/gsm8k.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from corpora.conversations import NotAConversation
from corpora.reading import Format, JsonLines, Parquet
from corpora.sources.conversations import Conversations, exchange

_CALCULATION = re.compile(r"<<([^>]+)>>")


@dataclass(frozen=True, kw_only=True)
class Gsm8kChat(Conversations):
    """Problems of GSM8K as conversations."""

    name: ClassVar[str] = "gsm8k-chat"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*", "*.parquet")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"question", "answer"}),)
    EXACT: ClassVar[bool] = True
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "MIT"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet and JSON lines."""
        return (Parquet("answer"), JsonLines())

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the question, and the answer with its calculations as parts."""
        answer = record.get("answer")
        if not isinstance(answer, str):
            raise NotAConversation("text of a turn is not a string")
        pieces = _CALCULATION.split(answer)  # text, calculation, text, calculation, ..., text
        parts = []
        for number, piece in enumerate(pieces):
            if number % 2:
                expression, _, result = piece.rpartition("=") if "=" in piece else (piece, "", "")
                parts += [{"type": "python", "text": expression}, {"type": "python_output", "text": result}]
            else:
                parts.append({"type": "text", "text": piece})
        return exchange(record.get("question"), parts)
