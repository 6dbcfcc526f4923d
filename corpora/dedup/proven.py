"""Near-duplicates that are proven: a document is dropped only for a document that stays and resembles it enough.

Two texts with a common band key are candidates (`corpora.dedup.minhash`). Connected components of candidates may be
chains, whose ends have little in common. So each document of a component is compared with the documents before it that
stay and share a band with it. It is dropped for the one whose signature agrees with its own in most values, if the
estimated Jaccard similarity reaches the threshold; of equal estimates, for the first. Otherwise it stays, and later
documents are compared with it. The result depends on the order of the documents alone.

Documents that repeat an id, and documents in an evaluation set, are dropped first: none is dropped in favour of them.
So a document that is dropped as a duplicate always has a document that stays.

Bands are those of the signatures here: 8 bits of each value. Texts with a common key have a common band; a chance
agreement of 8 bits in place of 32 adds candidates, which are compared like the others.

A component's first document names the cluster of all its documents, so that texts that resemble each other less than
the threshold are never divided between training and validation.

Marin found 52 to 64 % of the drops that evaluators disputed to be false where candidates were not compared; datatrove
and FineWeb-2 drop candidates.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.dedup.minhash import Setting, Signatures, similarity_of
from corpora.dedup.records import Int, Records

GROUP = 1 << 18
"""Documents of candidates that are compared at once, about: 128 to 260 bytes each. Components are not divided."""

COMPARED = 1024
"""In each band, a document is compared with at most so many documents that stay: the last ones."""


COMPARISON = np.dtype([("document", "<i8"), ("kept", "<i8"), ("similarity", "<f4")])
"""A document, the one that stays for it, and the estimate of their similarity."""


class Candidates:
    """Candidates to compare, divided by ranges of documents and by ranges of the first documents of components."""

    def __init__(self, records: Records) -> None:
        self.by_first, self.by_document = records.beside("members"), records.beside("candidates")

    def add(self, lines: Int) -> None:
        """Add documents with the first documents of their components, int64 (documents, 2). These are not added."""
        self.by_first.add(lines[:, 1], lines)
        self.by_document.add(lines[:, 0], lines)


def prove(
    candidates: Candidates,
    bounds: Int,
    parts: Sequence[int],
    signatures: Callable[[int], Signatures],
    setting: Setting,
    threshold: float,
    compared: Records,
) -> None:
    """Add to `compared` each candidate that is dropped for a document that stays, with that document: COMPARISON.

    candidates: documents that no other has the text of. bounds: first document of each part, and the number of
    documents. parts: first part of each range of documents, and the number of parts. signatures: returns those of a
    part. threshold: least estimate for which a document is dropped.
    """
    line = np.dtype([("first", "<i8"), ("document", "<i8"), ("signature", "u1", (setting.functions,))])
    groups = compared.beside("groups", line, np.append(_groups(candidates), bounds[-1]))
    for index in range(compared.ranges):
        rows = candidates.by_document.read(index)
        candidates.by_document.remove(index)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        ends = np.searchsorted(rows[:, 0], bounds[parts[index] : parts[index + 1] + 1])
        for part, (start, stop) in enumerate(itertools.pairwise(ends.tolist()), parts[index]):
            if start < stop:
                lines = np.empty(stop - start, line)
                lines["document"], lines["first"] = rows[start:stop].T
                lines["signature"] = signatures(part)[lines["document"] - bounds[part]]
                groups.add(lines["first"], lines)
    for group in range(groups.ranges):
        lines = groups.read(group)
        groups.remove(group)
        lines = lines[np.argsort(lines["first"], kind="stable")]  # documents are in order
        documents, of_documents = lines["document"].copy(), np.ascontiguousarray(lines["signature"])
        buckets, counts = _buckets(of_documents, lines["first"].copy(), setting)
        del lines
        places, estimates = np.empty(documents.size, np.int64), np.ones(documents.size, np.float32)
        _compare(of_documents, buckets, counts, np.float64(threshold), COMPARED, places, estimates)
        dropped = np.flatnonzero(places != np.arange(documents.size))
        results = np.empty(dropped.size, COMPARISON)
        results["document"], results["kept"] = documents[dropped], documents[places[dropped]]
        results["similarity"] = estimates[dropped]
        compared.add(results["document"], results)


def _groups(candidates: Candidates) -> Int:
    """Return the first document of the first component of each group; adds the first documents to the candidates.

    Groups are whole components, of about GROUP documents together.
    """
    records, starts, before, last = candidates.by_first, [np.zeros(1, np.int64)], 0, 0
    for index in range(records.ranges):
        start, stop = records.bounds[index : index + 2]
        sizes = np.zeros(stop - start, np.int64)
        for block in records.blocks(index):
            _add_ones(sizes, block[:, 1], start)
        records.remove(index)
        firsts = np.flatnonzero(sizes)
        sizes = sizes[firsts] + 1
        groups = (before + np.cumsum(sizes) - sizes) // GROUP
        starts.append(firsts[np.flatnonzero(np.diff(groups, prepend=last))] + start)
        before += int(sizes.sum())
        last = int(groups[-1]) if groups.size else last
        candidates.by_document.add(firsts + start, np.stack([firsts + start] * 2, axis=1))
    return np.concatenate(starts)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add_ones(counts: Any, numbers: Any, start: int) -> None:
    """Count numbers."""
    for number in numbers:
        counts[number - start] += 1


def _buckets(
    signatures: Signatures, component: Int, setting: Setting
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the bucket of each document in each band, int32 (bands, documents), and the number of buckets of a band.

    Documents of a component with the same band of their signatures have the same bucket. -1: no other document has it.
    component: that of each document, ascending.
    """
    numbers = np.empty((setting.bands, signatures.shape[0]), np.int32)
    counts = np.empty(setting.bands, np.int32)
    for band in range(setting.bands):
        columns = np.ascontiguousarray(signatures[:, band * setting.rows : (band + 1) * setting.rows])
        keys = np.zeros((columns.shape[0], 8), np.uint8)
        keys[:, : setting.rows] = columns
        values = keys.view(np.uint64)[:, 0]
        counts[band] = _number(values, component, np.argsort(values, kind="stable"), numbers[band])
    return numbers, counts


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _number(values: Any, component: Any, order: Any, numbers: Any) -> int:
    """Number equal values of a component, -1 for a value that it has once. Returns the number of numbers.

    order: sorts the values and is stable.
    """
    count = 0
    start = 0
    while start < order.size:
        stop = start + 1
        while (
            stop < order.size
            and values[order[stop]] == values[order[start]]
            and component[order[stop]] == component[order[start]]
        ):
            stop += 1
        for k in range(start, stop):
            numbers[order[k]] = count if stop - start > 1 else -1
        count += stop - start > 1
        start = stop
    return count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _compare(
    signatures: Any, buckets: Any, counts: Any, threshold: float, most: int, kept: Any, estimates: Any
) -> None:
    """Write the document that stays for each document to `kept`, and the estimate of their similarity to `estimates`.

    Documents that stay are in a list for each of their buckets, the last one first.
    """
    bands, documents = buckets.shape
    starts = np.zeros(bands + 1, np.int64)
    for band in range(bands):
        starts[band + 1] = starts[band] + counts[band]
    heads = np.full(starts[bands], -1, np.int32)
    after = np.full((documents, bands), -1, np.int32)
    seen = np.full(documents, -1, np.int32)
    for document in range(documents):
        best, agreed = -1, -1
        for band in range(bands):
            if buckets[band, document] < 0:
                continue
            other = heads[starts[band] + buckets[band, document]]
            compared = 0
            while other >= 0 and compared < most:
                compared += 1
                if seen[other] != document:
                    seen[other] = document
                    agreeing = 0
                    for number in range(signatures.shape[1]):
                        agreeing += signatures[document, number] == signatures[other, number]
                    if agreeing > agreed or (agreeing == agreed and other < best):
                        best, agreed = other, agreeing
                other = after[other, band]
        estimate = similarity_of(agreed, signatures.shape[1])
        if best >= 0 and estimate >= threshold:
            kept[document] = best
            estimates[document] = estimate
            continue
        kept[document] = document
        for band in range(bands):
            if buckets[band, document] >= 0:
                head = starts[band] + buckets[band, document]
                after[document, band] = heads[head]
                heads[head] = document
