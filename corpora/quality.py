"""The plainest of quality rules: how long a document may be. All are off unless asked for.

A datatrove filter step: `filter` says True, or False with the reason, which is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.tally import Tally, utf8_size


@dataclass(frozen=True, slots=True)
class Limits:
    """Code points that a document must have at least, and may have at most; None sets no limit."""

    min_chars: int | None = None
    max_chars: int | None = None


class Filter(PipelineStep):  # type: ignore[misc]
    """Documents within the limits go on; the others are dropped and counted by reason."""

    type = "FILTER"
    name = "arcorp limits"

    def __init__(self, limits: Limits, tally: Tally) -> None:
        super().__init__()
        self.limits, self.tally = limits, tally

    def filter(self, document: Document) -> bool | tuple[bool, str]:
        """Whether a document stays, or (False, reason)."""
        chars = len(document.text)
        if self.limits.min_chars is not None and chars < self.limits.min_chars:
            return False, "too short"
        if self.limits.max_chars is not None and chars > self.limits.max_chars:
            return False, "too long"
        return True

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents that stay."""
        for document in data:
            verdict = self.filter(document)
            if isinstance(verdict, tuple):
                self.tally.drop(verdict[1], utf8_size(document.text), len(document.text), document)
            else:
                yield document
