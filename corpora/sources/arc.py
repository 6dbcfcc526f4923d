"""ARC: 7,787 questions of school science with choices, as conversations. ARC-Easy and ARC-Challenge.

reads     Parquet: ARC-Easy/*.parquet, ARC-Challenge/*.parquet, with the columns id, question, choices{text, label} and
          answerKey; the same as JSON lines
text      the question with its choices, and the letter of the right one, in the form of source multiple-choice; the
          messages are rebuilt from it and metadata.turns
id        id
licence   CC BY-SA 4.0
language  eng_Latn
category  chat
dirt      questions whose answer is none of the choices are dropped and counted
facts     https://huggingface.co/datasets/allenai/ai2_arc, Clark et al. 2018
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corpora.sources.multiple_choice import MultipleChoice


@dataclass(frozen=True, kw_only=True)
class Arc(MultipleChoice):
    """Questions of ARC."""

    name: ClassVar[str] = "arc"
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"id", "question", "choices", "answerKey"}),)
    EXACT: ClassVar[bool] = True
    LICENSE: ClassVar[str] = "CC-BY-SA-4.0"
