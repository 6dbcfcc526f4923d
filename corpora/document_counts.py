"""What came in, what became of it, and why: the counts of one part, kept by every step that touches it.

One `DocumentCounter` is shared by the reader, the cleaning, the filters and the writer of one rank (they run in one
process; datatrove copies a pipeline with its shared objects whole). The reader resets it when a rank begins. For each
unit of account (documents, bytes, chars)

    in + added = out + dropped, by reason

holds when a part is done: a line that could not be read is one document in and one dropped. Cleaning that shortens or
lengthens a text moves bytes and chars through the reason "normalised". Beside the ledgers stands a census, to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corpora.document_statistics import DocumentStatistics
from corpora.utf8 import utf8_size

if TYPE_CHECKING:
    from datatrove.data import Document

UNITS = ("documents", "bytes", "chars")
NORMALISED = "normalised"


class DocumentCounter:
    """Counts of one part. Bytes are UTF-8 bytes of text (raw bytes for what never became text); chars code points."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new part begins."""
        self.input = dict.fromkeys(UNITS, 0)
        self.out = dict.fromkeys(UNITS, 0)
        self.added: dict[str, dict[str, int]] = {unit: {} for unit in UNITS}
        self.dropped: dict[str, dict[str, int]] = {unit: {} for unit in UNITS}
        self.changed: dict[str, int] = {}
        self.strata: dict[str, dict[str, int]] = {}
        self.bad: list[str] = []
        self.inputs: list[dict[str, Any]] = []
        self.statistics = DocumentStatistics()

    def read(self, name: str, ranges: list[list[int]], sha256: str) -> None:
        """Byte ranges of an input file were read; `sha256` is of their bytes, in that order."""
        self.inputs.append({"name": name, "ranges": ranges, "sha256": sha256})

    def count_input(self, size: int, chars: int) -> None:
        """One document, or one line that should have been one, was read."""
        self.input["documents"] += 1
        self.input["bytes"] += size
        self.input["chars"] += chars

    def count_dropped(self, reason: str, size: int, chars: int, document: Document | None = None) -> None:
        """One document goes no further; `document` where it became one."""
        if document is not None:
            self.statistics.drop(document, reason)
        for unit, count in zip(UNITS, (1, size, chars), strict=True):
            _add(self.dropped[unit], reason, count)

    def count_removed(self, reason: str, size: int, chars: int) -> None:
        """Part of a document goes: `size` bytes and `chars` chars less (more, if negative)."""
        for unit, count in (("bytes", size), ("chars", chars)):
            if count > 0:
                _add(self.dropped[unit], reason, count)
            elif count < 0:
                _add(self.added[unit], reason, -count)

    def count_changed(self, step: str, chars: int) -> None:
        """A cleaning step touched `chars` characters."""
        _add(self.changed, step, chars)

    def count_output(self, document: Document, size: int | None = None) -> None:
        """One document is written; `size` is its bytes, where they are known."""
        chars = len(document.text)
        size = utf8_size(document.text) if size is None else size
        columns = document.metadata
        self.count_outputs(columns["source"], columns["language"], columns["category"], 1, size, chars)

    def count_outputs(self, source: str, language: str, category: str, documents: int, size: int, chars: int) -> None:
        """`documents` of one kind are written."""
        stratum = self.strata.setdefault(f"{source} {language} {category}", dict.fromkeys(UNITS, 0))
        for unit, count in zip(UNITS, (documents, size, chars), strict=True):
            self.out[unit] += count
            stratum[unit] += count

    @property
    def balanced(self) -> bool:
        """Whether in + added = out + dropped, in every unit of account."""
        return all(
            self.input[unit] + sum(self.added[unit].values()) == self.out[unit] + sum(self.dropped[unit].values())
            for unit in UNITS
        )

    def counts(self) -> dict[str, dict[str, Any]]:
        """For each unit of account: {"in": n, "added": {reason: n}, "out": n, "dropped": {reason: n}}."""
        return {
            unit: {
                "in": self.input[unit],
                "added": dict(sorted(self.added[unit].items())),
                "out": self.out[unit],
                "dropped": dict(sorted(self.dropped[unit].items())),
            }
            for unit in UNITS
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values: `ledgers`, `changed` (step -> chars), `strata` ("source language category" ->
        documents, bytes, chars out), `bad` (one sentence for each file given up), `inputs` (ranges of files and their
        sha256) and `census`.
        """
        return {
            "ledgers": self.counts(),
            "changed": dict(sorted(self.changed.items())),
            "strata": {name: self.strata[name] for name in sorted(self.strata)},
            "bad": list(self.bad),
            "inputs": list(self.inputs),
            "census": self.statistics.to_json(),
        }


def _add(counts: dict[str, int], reason: str, count: int) -> None:
    counts[reason] = counts.get(reason, 0) + count
