"""Connected components of documents, one range of documents after another. Each has the number of its first document.

Ranges are read from the last to the first. In a range, the forest of union-find joins its documents, and each tree has
the lowest document of an earlier range that it is joined with. An edge that joins a tree with a second such document
becomes an edge between the two, which is sent to the range of the higher one: so each edge is replaced by one edge
between earlier documents at most. Then ranges are read from the first to the last: a tree has the label of its lowest
document, which is known by then, and which the earlier range sends.

There are two passes for any graph. Memory is 12 bytes for each document of a range.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit

from corpora.dedup.records import Int, Records, pairs_of


def components(edges: Records) -> Iterator[tuple[int, Int]]:
    """Yield each range of documents, in order, with the labels of its documents: the first of their component.

    edges: pairs (document, earlier document), in the range of the first. They are removed.
    """
    known, waiting, asked, answers = (edges.beside(name) for name in ("known", "waiting", "asked", "answers"))
    for index in reversed(range(edges.ranges)):
        start, stop = edges.bounds[index : index + 2]
        parents, lowest = np.arange(stop - start, dtype=np.uint32), np.full(stop - start, -1, np.int64)
        for block in edges.blocks(index):
            sent = np.empty_like(block)
            sent = sent[: _join(block, start, parents, lowest, sent)].copy()
            edges.add(sent[:, 0], sent)
        edges.remove(index)
        _flatten(parents)
        numbers = np.arange(parents.size, dtype=np.uint32)
        rows = np.flatnonzero((parents != numbers) & (lowest[parents] < 0))
        known.add(rows + start, pairs_of(rows + start, parents[rows] + start))
        rows = np.flatnonzero((parents != numbers) & (lowest[parents] >= 0))
        waiting.add(rows + start, pairs_of(rows + start, parents[rows] + start))
        rows = np.flatnonzero((parents == numbers) & (lowest >= 0))
        asked.add(lowest[rows], pairs_of(rows + start, lowest[rows]))
    for index in range(edges.ranges):
        start, stop = edges.bounds[index : index + 2]
        labels = np.arange(start, stop)
        for records in (known, answers):
            for block in records.blocks(index):
                labels[block[:, 0] - start] = block[:, 1]
        for block in waiting.blocks(index):
            labels[block[:, 0] - start] = labels[block[:, 1] - start]
        for block in asked.blocks(index):
            answers.add(block[:, 0], pairs_of(block[:, 0], labels[block[:, 1] - start]))
        for records in (known, waiting, asked, answers):
            records.remove(index)
        yield index, labels


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(parents: Any, row: int) -> int:
    """Return the representative of `row` in the union-find forest `parents`; shorten the path to it."""
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _join(edges: Any, start: int, parents: Any, lowest: Any, sent: Any) -> int:
    """Join documents of a range. Writes the edges between earlier documents to `sent`; returns their number.

    start: first document of the range. parents, lowest: forest, and lowest earlier document of each tree or -1.
    """
    count = 0
    for k in range(edges.shape[0]):
        upper, lower = edges[k, 0], edges[k, 1]
        root = _find(parents, upper - start)
        if lower >= start:
            other = _find(parents, lower - start)
            if other == root:
                continue
            if other > root:
                root, other = other, root
            low = lowest[root]
            parents[root] = other
            root = other
        else:
            low = lower
        if low < 0 or low == lowest[root]:
            continue
        if lowest[root] >= 0:
            sent[count, 0], sent[count, 1] = max(low, lowest[root]), min(low, lowest[root])
            count += 1
            low = min(low, lowest[root])
        lowest[root] = low
    return count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _flatten(parents: Any) -> None:
    """Replace the parent of each document by its representative."""
    for row in range(parents.size):
        parents[row] = _find(parents, row)
