"""GSM8K: grade school mathematics problems with worked answers.

reads     JSON lines: train.jsonl, test.jsonl
text      question and answer, separated by a line end
id        file name and byte offset of the line
licence   MIT
language  eng_Latn
category  math
dirt      calculator annotations in the answers, <<16-3-4=9>>, are removed
facts     openai/grade-school-math (7,473 and 1,319 lines)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from corpora.reading import Format, JsonLines, Record, Slice
from corpora.sources.base import Category, ParsedRecord, Quality, Skip, Source

_ANNOTATION = re.compile(r"<<[^<>]*>>")


@dataclass(frozen=True, kw_only=True)
class Gsm8k(Source):
    """Problems of GSM8K."""

    name: ClassVar[str] = "gsm8k"
    quality_profile: ClassVar[Quality | None] = "none"
    FILES: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.jsonl.*")
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"question", "answer"}),)
    EXACT: ClassVar[bool] = True
    CATEGORY: ClassVar[Category | None] = "math"
    LANGUAGE: ClassVar[str] = "eng_Latn"
    LICENSE: ClassVar[str] = "MIT"

    @property
    def formats(self) -> tuple[Format, ...]:
        """JSON lines."""
        return (JsonLines(),)

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One problem, one document."""
        question, answer = record.value.get("question"), record.value.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str):
            raise Skip("text is not a string")
        raw = f"{question}\n{answer}"
        return ParsedRecord(text=_ANNOTATION.sub("", raw), raw=raw, id=f"{part.file.name}#{record.key}")
