"""A census of documents: how many were kept and dropped, by kind and reason, how long they are, and ten to read.

A ledger (`corpora.document_counts`) proves that nothing is lost; a census is to look at. It counts documents that
became one (a line that could not be read has no words), by source, language, category and reason ("" for those kept):
documents, bytes, chars, words (what white space divides), and lengths in characters, in octaves: `lengths[k]` have 2^k
<= chars < 2^(k+1). Samples are those whose ids have the smallest hashes, so that they are the same for any number of
parts, workers and runs: SAMPLES kept ones and as many dropped ones of each source, the first EXCERPT characters.
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
from numba import njit

from corpora.arrow_text import chunks

if TYPE_CHECKING:
    from datatrove.data import Document

SAMPLES = 10
EXCERPT = 400
KEPT = ""

UNITS = ("documents", "bytes", "chars", "words")
LABELS = ("source", "language", "category")
_SEED = 0x636F727075730A  # another draw than whatever else hashes ids

_WAITING = 1 << 20


class DocumentStatistics:
    """Counts and samples of the documents it is shown. `to_json` is what `merge` adds up."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], list[int]] = {}
        self._lengths: dict[tuple[str, ...], list[int]] = {}
        self._samples: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
        self._waiting: list[tuple[Document, str]] = []
        self._waiting_chars = 0

    def drop(self, document: Document, reason: str) -> None:
        """One document that goes no further."""
        self._waiting.append((document, reason))
        self._waiting_chars += len(document.text)
        if self._waiting_chars > _WAITING:
            self._flush()

    def add(
        self,
        ids: Sequence[str],
        texts: pyarrow.ChunkedArray,
        labels: Sequence[tuple[str, ...]],
        reasons: Iterable[str] = itertools.repeat(KEPT),
    ) -> None:
        """Many documents: their labels are (source, language, category)."""
        counts = counts_of(texts)
        octaves = np.frexp(np.maximum(counts[1], 1))[1] - 1
        keys = [(*label, reason) for label, reason in zip(labels, reasons, strict=False)]
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, key in enumerate(keys):
            groups.setdefault(key, []).append(place)
        for key, places in groups.items():
            group, lengths = self._groups.setdefault(key, [0] * 4), self._lengths.setdefault(key, [0] * 40)
            for unit, count in enumerate([len(places), *counts[:, places].sum(1).tolist()]):
                group[unit] += count
            for octave, count in enumerate(np.bincount(octaves[places]).tolist()):
                lengths[octave] += count
        for place, (name, key) in enumerate(zip(ids, keys, strict=True)):
            hashed = _hash(name)
            chosen = self._samples.setdefault((key[0], "dropped" if key[-1] else "kept"), [])
            if len(chosen) < SAMPLES or hashed < chosen[-1][0]:
                text = pyarrow.compute.utf8_slice_codeunits(texts.slice(place, 1), 0, EXCERPT)[0].as_py()
                chars = int(counts[1, place])
                record = {"id": name, "language": key[1], "reason": key[-1], "chars": chars, "text": text}
                chosen.append((hashed, record))
                chosen.sort(key=lambda one: (one[0], one[1]["id"]))
                del chosen[SAMPLES:]

    def to_json(self) -> dict[str, Any]:
        """{"groups": [labels, reason, UNITS, lengths], "samples": {source: {"kept" or "dropped": [...]}}}."""
        self._flush()
        return {
            "groups": [
                dict(zip((*LABELS, "reason"), key, strict=True))
                | dict(zip(UNITS, self._groups[key], strict=True))
                | {"lengths": _cut(self._lengths[key])}
                for key in sorted(self._groups)
            ],
            "samples": _by_source({key: [one for _, one in chosen] for key, chosen in self._samples.items()}),
        }

    def _flush(self) -> None:
        if not self._waiting:
            return
        documents, reasons = zip(*self._waiting, strict=True)
        self._waiting, self._waiting_chars = [], 0
        texts = pyarrow.chunked_array([pyarrow.array([one.text for one in documents], pyarrow.large_string())])
        labels = [tuple(one.metadata[label] for label in LABELS) for one in documents]
        self.add([one.id for one in documents], texts, labels, reasons)


def merge(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The census of many parts, from those of each (`DocumentStatistics.to_json`)."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    samples: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in found:
        for group in one["groups"]:
            key = tuple(group[name] for name in (*LABELS, "reason"))
            if key not in groups:
                groups[key] = {**group, "lengths": list(group["lengths"])}
                continue
            into = groups[key]
            for unit in UNITS:
                into[unit] += group[unit]
            pairs = itertools.zip_longest(into["lengths"], group["lengths"], fillvalue=0)
            into["lengths"] = [mine + others for mine, others in pairs]
        for source, kinds in one["samples"].items():
            for kind, some in kinds.items():
                samples.setdefault((source, kind), []).extend(some)
    chosen = {
        key: heapq.nsmallest(SAMPLES, some, key=lambda one: (_hash(one["id"]), one["id"]))
        for key, some in samples.items()
    }
    return {"groups": [groups[key] for key in sorted(groups)], "samples": _by_source(chosen)}


def counts_of(texts: pyarrow.ChunkedArray) -> npt.NDArray[np.int64]:
    """Bytes, chars and words of each text, shape (3, texts). Words are runs of bytes over 0x20, which is what lies
    between spaces and line ends."""
    found = np.zeros((3, len(texts)), np.int64)
    first = 0
    for data, offsets in chunks(texts):
        stop = first + offsets.size - 1
        _count(data, offsets, found[:, first:stop])
        first = stop
    return found


def _hash(name: str) -> int:
    return int(xxhash.xxh3_64_intdigest(name.encode(errors="replace"), _SEED))


def _by_source(samples: Mapping[tuple[str, str], list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for source, kind in sorted(samples):
        result.setdefault(source, {})[kind] = samples[source, kind]
    return result


def _cut(lengths: list[int]) -> list[int]:
    """Without the empty octaves at the end."""
    last = max((octave for octave, count in enumerate(lengths) if count), default=-1)
    return lengths[: last + 1]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(data: Any, offsets: Any, found: Any) -> None:
    for number in range(found.shape[1]):
        text = data[offsets[number] : offsets[number + 1]]
        chars, words = 0, 0
        for place in range(text.size):
            if text[place] & 0xC0 != 0x80:
                chars += 1
            # Without knowing what came before: many bytes at once.
            if (text[place] > 0x20) & (place == 0 or text[place - 1] <= 0x20):
                words += 1
        found[0, number], found[1, number], found[2, number] = text.size, chars, words
