"""Counts of the documents of one part: input, output, and what was added or dropped, by reason.

One `DocumentCounter` is shared by the reader, the cleaning, the filters and the writer of one rank. They run in one
process, and datatrove copies a pipeline together with its shared objects. The reader resets the counter at the
beginning of a rank. When a part is done, the following holds for each unit (documents, bytes, chars):

    in + added = out + dropped, by reason

A line that can't be read counts as one input document and one dropped document. If cleaning changes the length of a
text, the difference in bytes and chars is counted under the reason "normalised". The counter also collects
`DocumentStatistics` and `LabelCounts`, for reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from corpora.document_statistics import DocumentStatistics
from corpora.label_counts import LabelCounts
from corpora.utf8 import utf8_size

if TYPE_CHECKING:
    from datatrove.data import Document

UNITS = ("documents", "bytes", "chars")
NORMALISED = "normalised"


class DocumentCounter:
    """Counts of one part.

    Bytes are UTF-8 bytes of text, or raw bytes of input that could not be decoded. Chars are code points.

    input, out      unit -> count
    added, dropped  unit -> reason -> count
    changed         cleaning step -> characters
    strata          "source language category" -> unit -> count of the output
    bad             one message for each file that was abandoned
    inputs          name, byte ranges and sha256 of each input slice
    labels          names of languages that are not known, and scripts by label
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero, for a new part."""
        self.input = dict.fromkeys(UNITS, 0)
        self.out = dict.fromkeys(UNITS, 0)
        self.added: dict[str, dict[str, int]] = {unit: {} for unit in UNITS}
        self.dropped: dict[str, dict[str, int]] = {unit: {} for unit in UNITS}
        self.changed: dict[str, int] = {}
        self.strata: dict[str, dict[str, int]] = {}
        self.bad: list[str] = []
        self.inputs: list[dict[str, Any]] = []
        self.statistics = DocumentStatistics()
        self.labels = LabelCounts()

    def add_input(self, name: str, ranges: list[list[int]], sha256: str) -> None:
        """Record the byte ranges that were read of an input file.

        ranges  [start, stop) in bytes, in the order in which they were read
        sha256  of the bytes of all ranges, in that order
        """
        self.inputs.append({"name": name, "ranges": ranges, "sha256": sha256})

    def count_input(self, size: int, chars: int) -> None:
        """Count one input record of `size` bytes and `chars` characters."""
        self.input["documents"] += 1
        self.input["bytes"] += size
        self.input["chars"] += chars

    def count_dropped(self, reason: str, size: int, chars: int, document: Document | None = None) -> None:
        """Count one dropped record of `size` bytes and `chars` characters; give `document` if it was parsed."""
        if document is not None:
            self.statistics.drop(document, reason)
        for unit, count in zip(UNITS, (1, size, chars), strict=True):
            _add(self.dropped[unit], reason, count)

    def count_removed(self, reason: str, size: int, chars: int) -> None:
        """Count a part of a document that was removed: `size` bytes and `chars` characters (added, if negative)."""
        for unit, count in (("bytes", size), ("chars", chars)):
            if count > 0:
                _add(self.dropped[unit], reason, count)
            elif count < 0:
                _add(self.added[unit], reason, -count)

    def count_changed(self, step: str, chars: int) -> None:
        """Count `chars` characters that a cleaning step changed."""
        _add(self.changed, step, chars)

    def count_output(self, document: Document, size: int | None = None) -> None:
        """Count one written document; `size` is its number of bytes, computed if None."""
        chars = len(document.text)
        size = utf8_size(document.text) if size is None else size
        columns = document.metadata
        self.count_outputs(columns["source"], columns["language"], columns["category"], 1, size, chars)

    def count_outputs(self, source: str, language: str, category: str, documents: int, size: int, chars: int) -> None:
        """Count written documents of one stratum: their number, bytes and characters."""
        stratum = self.strata.setdefault(f"{source} {language} {category}", dict.fromkeys(UNITS, 0))
        for unit, count in zip(UNITS, (documents, size, chars), strict=True):
            self.out[unit] += count
            stratum[unit] += count

    @property
    def balanced(self) -> bool:
        """True if in + added = out + dropped in every unit."""
        return all(
            self.input[unit] + sum(self.added[unit].values()) == self.out[unit] + sum(self.dropped[unit].values())
            for unit in UNITS
        )

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return, for each unit, {"in": n, "added": {reason: n}, "out": n, "dropped": {reason: n}}."""
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
        """Return all counts as JSON values, under the keys that sealed folders use."""
        return {
            "ledgers": self.counts(),
            "changed": dict(sorted(self.changed.items())),
            "strata": {name: self.strata[name] for name in sorted(self.strata)},
            "bad": list(self.bad),
            "inputs": list(self.inputs),
            "census": self.statistics.to_json(),
            "labels": self.labels.to_json(),
        }


def _add(counts: dict[str, int], reason: str, count: int) -> None:
    counts[reason] = counts.get(reason, 0) + count
