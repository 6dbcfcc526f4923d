"""Sets of documents with equal keys become edges; documents that are dropped for another reason are passed over.

A bit for each document is kept on disk: 1 if the document was dropped. The file is mapped, so that its pages can be
given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.dedup.keys import Pairs

Bits = npt.NDArray[np.uint8]


def no_bits(path: Path, documents: int) -> Bits:
    """Return a bit for each document, 0, in a new file."""
    return np.memmap(path, np.uint8, "w+", shape=(documents // 8 + 1,))


def edges_of(sets: Iterable[Pairs], dropped: Bits) -> Iterator[Pairs]:
    """Yield (document, first document) for all documents of sets but the first, without those that were dropped.

    sets: pairs of sets of equal keys from `equal_pairs`, in blocks of any size; a document is in one set at most.
    """
    state = np.full(2, -1, np.int64)
    for pairs in sets:
        edges = np.empty_like(pairs)
        count = _edges(pairs, dropped, state, edges)
        yield edges[:count].copy()


def repeated_in(sets: Iterable[Pairs], dropped: Bits) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the documents of sets but the first, without those that were dropped, and mark them as dropped."""
    for edges in edges_of(sets, dropped):
        documents = np.ascontiguousarray(edges[:, 0])
        mark(documents, dropped)
        yield documents


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mark(documents: Any, bits: Any) -> None:
    """Set the bits of documents."""
    for document in documents:
        bits[document >> 3] |= np.uint8(1 << (document & 7))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _edges(pairs: Any, dropped: Any, state: Any, edges: Any) -> int:
    """Write the edges of pairs; return their number. state: number of the set, and its first document or -1."""
    group, head = state
    count = 0
    for k in range(pairs.shape[0]):
        start, other = pairs[k, 0], pairs[k, 1]
        if start != group:
            group = start
            head = np.int64(-1) if (dropped[start >> 3] >> (start & 7)) & 1 else start
        if (dropped[other >> 3] >> (other & 7)) & 1:
            continue
        if head < 0:
            head = other
        else:
            edges[count, 0], edges[count, 1] = other, head
            count += 1
    state[0], state[1] = group, head
    return count
