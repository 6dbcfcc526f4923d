"""Questions with choices as conversations: MMLU, ARC, ArabicMMLU and other sets of their columns.

reads     Parquet and JSON lines. MMLU: question, choices (a list), answer (number of the choice), also below a column
          train, as auxiliary_train has it. ARC: question, choices{text, label}, answerKey
text      the question with its choices, and the letter of the right one; the messages are rebuilt from it and
          metadata.turns. The letter follows the choice (- Paris=B), which small models learn more easily
id        field id; else file name and position of the record
licence   option license
language  option language, else eng_Latn
category  chat
dirt      questions whose answer is none of the choices are dropped and counted
facts     cais/mmlu, allenai/ai2_arc; the form of the question is that of karpathy/nanochat, tasks/common.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, ClassVar

from corpora.conversations import NotAConversation
from corpora.reading import Format, JsonLines, Parquet, Slice
from corpora.sources.base import ParsedRecord
from corpora.sources.conversations import Conversations, exchange


@dataclass(frozen=True, kw_only=True)
class MultipleChoice(Conversations):
    """Questions with choices."""

    name: ClassVar[str] = "multiple-choice"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet", "*.jsonl", "*.jsonl.*")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"question", "choices", "answer"}),
        frozenset({"train.question", "train.choices", "train.answer"}),
        frozenset({"question", "choices", "answerKey"}),
    )
    LANGUAGE: ClassVar[str] = "eng_Latn"

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet and JSON lines."""
        return (Parquet("question"), JsonLines())

    def turns_of(self, record: Mapping[str, Any]) -> Any:
        """Return the question with its choices, and the letter of the right one."""
        row = _row(record)
        choices, labels, answer = row["choices"], None, row.get("answer", row.get("answerKey"))
        if isinstance(choices, Mapping):
            choices, labels = choices["text"], choices["label"]
        labels = list(labels or ascii_uppercase[: len(choices)])
        question = row["question"]
        if not isinstance(question, str) or not all(isinstance(choice, str) for choice in choices):
            raise NotAConversation("text of a turn is not a string")
        return exchange(asked(question, labels, choices), _letter(answer, labels))

    def details(self, record: Mapping[str, Any], part: Slice, key: int) -> ParsedRecord:
        """Return the id and the subject."""
        row = _row(record)
        own = row.get("id") or f"{part.file.name}#{key}"
        return ParsedRecord(text="", id=own, metadata={"subject": row.get("subject") or None})


def asked(question: str, labels: Sequence[str], choices: Sequence[str]) -> str:
    """Return the prompt of a question with choices: the letter stands after its choice, without a space."""
    lines = [f"- {choice}={label}\n" for label, choice in zip(labels, choices, strict=True)]
    ending = "\nRespond only with the letter of the correct answer."
    return f"Multiple Choice question: {question}\n{''.join(lines)}{ending}"


def _row(record: Mapping[str, Any]) -> Mapping[str, Any]:
    below = record.get("train")
    return below if isinstance(below, Mapping) else record


def _letter(answer: Any, labels: Sequence[str]) -> str:
    """Return the label of an answer, which is a label or the number of a choice. Raises NotAConversation."""
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(labels):
        return labels[answer]
    if isinstance(answer, str) and answer in labels:
        return answer
    raise NotAConversation("answer is none of the choices")
