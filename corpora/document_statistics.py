"""Statistics of documents for reports: counts and lengths of the kept and dropped documents, and samples of both.

`corpora.document_counts` proves that nothing is lost; these statistics are for inspection. They cover parsed documents
only: a line that can't be read has no words. Documents are grouped by source, language, category and reason ("" for
kept documents). Each group has the number of documents, bytes, chars and words (separated by white space), and a
histogram of lengths in characters: `lengths[k]` documents have 2^k <= chars < 2^(k+1).

The samples are the first EXCERPT characters of SAMPLES kept documents of each source, and of DROPPED_SAMPLES documents
for each reason why it dropped some. They are the documents with the smallest hashes of their ids, so that they do not
depend on the number of parts and workers.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute
import xxhash

from corpora.arrow_text import chunks
from corpora.compiled import compiled

if TYPE_CHECKING:
    from datatrove.data import Document

SAMPLES = 10
DROPPED_SAMPLES = 5
EXCERPT = 400
KEPT = ""

UNITS = ("documents", "bytes", "chars", "words")
LABELS = ("source", "language", "category")
_SEED = 0x636F727075730A  # makes the hashes independent of other hashes of the same ids

_PENDING_CHARS = 1 << 20
"""Characters of dropped documents that are collected before they are counted in one batch."""


class DocumentStatistics:
    """Counts and samples of documents. `merge` adds up the results of `to_json`."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], list[int]] = {}
        self._lengths: dict[tuple[str, ...], list[int]] = {}
        self._samples: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
        self._waiting: list[tuple[Document, str]] = []
        self._waiting_chars = 0

    def drop(self, document: Document, reason: str) -> None:
        """Count one dropped document."""
        self._waiting.append((document, reason))
        self._waiting_chars += len(document.text)
        if self._waiting_chars > _PENDING_CHARS:
            self._flush()

    def add(
        self,
        ids: Sequence[str],
        texts: pyarrow.ChunkedArray,
        labels: Sequence[tuple[str, ...]],
        reasons: Iterable[str] = itertools.repeat(KEPT),
    ) -> None:
        """Count documents.

        ids      id of each document
        texts    text of each document
        labels   (source, language, category) of each document
        reasons  reason for which each document was dropped, "" if it was kept
        """
        counts = counts_of(texts)
        octaves = np.frexp(np.maximum(counts[1], 1))[1] - 1
        keys = [(*label, reason) for label, reason in zip(labels, reasons, strict=False)]
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault(key, []).append(index)
        for key, indices in groups.items():
            group, lengths = self._groups.setdefault(key, [0] * 4), self._lengths.setdefault(key, [0] * 40)
            for unit, count in enumerate([len(indices), *counts[:, indices].sum(1).tolist()]):
                group[unit] += count
            for octave, count in enumerate(np.bincount(octaves[indices]).tolist()):
                lengths[octave] += count
        for index, (name, key) in enumerate(zip(ids, keys, strict=True)):
            hashed = _hash(name)
            chosen = self._samples.setdefault((key[0], key[-1]), [])
            if len(chosen) < _most(key[-1]) or hashed < chosen[-1][0]:
                text = pyarrow.compute.utf8_slice_codeunits(texts.slice(index, 1), 0, EXCERPT)[0].as_py()
                chars = int(counts[1, index])
                record = {"id": name, "language": key[1], "reason": key[-1], "chars": chars, "text": text}
                chosen.append((hashed, record))
                chosen.sort(key=lambda sample: (sample[0], sample[1]["id"]))
                del chosen[_most(key[-1]) :]

    def to_json(self) -> dict[str, Any]:
        """Return {"groups": [labels, reason, UNITS, lengths], "samples": {source: {"kept" or "dropped": [...]}}}."""
        self._flush()
        return {
            "groups": [
                dict(zip((*LABELS, "reason"), key, strict=True))
                | dict(zip(UNITS, self._groups[key], strict=True))
                | {"lengths": _trimmed(self._lengths[key])}
                for key in sorted(self._groups)
            ],
            "samples": _by_source({key: [sample for _, sample in chosen] for key, chosen in self._samples.items()}),
        }

    def _flush(self) -> None:
        if not self._waiting:
            return
        documents, reasons = zip(*self._waiting, strict=True)
        self._waiting, self._waiting_chars = [], 0
        texts = pyarrow.chunked_array(
            [pyarrow.array([document.text for document in documents], pyarrow.large_string())]
        )
        labels = [tuple(document.metadata[label] for label in LABELS) for document in documents]
        self.add([document.id for document in documents], texts, labels, reasons)


def merge(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the statistics of several parts, each a result of `DocumentStatistics.to_json`."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for part in parts:
        for group in part["groups"]:
            key = tuple(group[name] for name in (*LABELS, "reason"))
            if key not in groups:
                groups[key] = {**group, "lengths": list(group["lengths"])}
                continue
            total = groups[key]
            for unit in UNITS:
                total[unit] += group[unit]
            pairs = itertools.zip_longest(total["lengths"], group["lengths"], fillvalue=0)
            total["lengths"] = [sum(pair) for pair in pairs]
        for source, kinds in part["samples"].items():
            for records in kinds.values():
                for record in records:
                    samples.setdefault((source, record["reason"]), []).append(record)
    chosen = {
        key: heapq.nsmallest(_most(key[1]), records, key=lambda record: (_hash(record["id"]), record["id"]))
        for key, records in samples.items()
    }
    return {"groups": [groups[key] for key in sorted(groups)], "samples": _by_source(chosen)}


def counts_of(texts: pyarrow.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return the number of bytes, chars and words of each text: int64, shape (3, texts).

    A word is a run of bytes over 0x20.
    """
    counts = np.zeros((3, len(texts)), np.int64)
    first = 0
    for data, offsets in chunks(texts):
        stop = first + offsets.size - 1
        _count(data, offsets, counts[:, first:stop])
        first = stop
    return counts


def _hash(name: str) -> int:
    return int(xxhash.xxh3_64_intdigest(name.encode(errors="replace"), _SEED))


def _most(reason: str) -> int:
    """Return how many documents of a source are samples of a reason."""
    return DROPPED_SAMPLES if reason else SAMPLES


def _by_source(samples: Mapping[tuple[str, str], list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return samples by source and by "kept" or "dropped". samples: by source and reason."""
    result: dict[str, dict[str, Any]] = {}
    for source, reason in sorted(samples):
        result.setdefault(source, {}).setdefault("dropped" if reason else "kept", []).extend(samples[source, reason])
    return result


def _trimmed(lengths: list[int]) -> list[int]:
    """Remove the empty octaves at the end of a histogram."""
    last = max((octave for octave, count in enumerate(lengths) if count), default=-1)
    return lengths[: last + 1]


@compiled(interpreted=True)
def _count(data: Any, offsets: Any, counts: Any) -> None:
    for number in range(counts.shape[1]):
        text = data[offsets[number] : offsets[number + 1]]
        chars, words = 0, 0
        for index in range(text.size):
            if text[index] & 0xC0 != 0x80:
                chars += 1
            # No state is carried from byte to byte, so that the compiler can vectorise the loop.
            if (text[index] > 0x20) & (index == 0 or text[index - 1] <= 0x20):
                words += 1
        counts[0, number], counts[1, number], counts[2, number] = text.size, chars, words
