"""Decisions and their records for each part: what is gathered for the documents that stay, and for those that go.

    for decisions, clusters in decide(documents, pairs, rules, folder):     # one part after another
        ...

Decisions are made for ranges of documents (`corpora.dedup.decisions`). Each document that does not stay is sent to the
range of the one that stays for it, where copies and sources are counted; their number and the ids are sent back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from corpora.dedup.clusters import CLUSTERS
from corpora.dedup.decisions import (
    DECISION,
    FEW_SOURCES,
    KEPT,
    RANGE,
    Common,
    Decided,
    Documents,
    Kind,
    Rules,
    decide_ranges,
    find,
)
from corpora.dedup.keys import Pairs
from corpora.dedup.records import Int, Records, Strings, pairs_of

LINE = np.dtype([("document", "<i8"), ("kept", "<i8"), ("cluster", "<i8"), ("similarity", "<f4")])
"""A document that is not its own cluster's first, or for which another stays: as in DECISION."""

HELD = np.dtype([("kept", "<i8"), ("document", "<i8"), ("source", "<i8")])
"""A document for which another stays, with its source."""


def decide(
    documents: Documents,
    pairs: Callable[[Kind], Iterable[Iterable[Pairs]]],
    rules: Rules,
    folder: Path,
    most: int = RANGE,
) -> Iterator[tuple[npt.NDArray[np.void], pa.Table]]:
    """Yield the decisions about the documents of each part, dtype DECISION, and its table CLUSTERS, in order.

    The other arguments are those of `find`. folder: for temporary files; it is made, and removed at the end.
    """
    folder.mkdir()
    try:
        common = find(documents, pairs, rules, folder, most)
        ranges = _Ranges(documents, common, rules, folder)
        for decided in decide_ranges(documents, common, rules):
            ranges.add(decided)
        for index in range(len(common.parts) - 1):
            yield from ranges.parts(index)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Ranges:
    """The decisions about all documents, on disk, and what the range of one document sends to that of another."""

    def __init__(self, documents: Documents, common: Common, rules: Rules, folder: Path) -> None:
        self._documents, self._common, self._rules = documents, common, rules
        beside = common.labels.beside
        self._reasons = beside("reasons", np.uint16)
        self._lines = beside("lines", LINE)
        self._held = beside("held", HELD)
        self._copies = beside("copies")
        self._ids = _Names(common.labels, folder, "kept", documents.ids)
        self._groups = _Names(common.labels, folder, "cluster", documents.groups)

    def _rows(self, index: int) -> Iterator[tuple[int, slice]]:
        """Yield the parts of a range, with the rows of their documents in the range."""
        start, _ = self._common.range(index)
        for part in range(self._common.parts[index], self._common.parts[index + 1]):
            first, stop = self._documents.bounds[part : part + 2] - start
            yield part, slice(int(first), int(stop))

    def _sources(self, index: int) -> Int:
        """Return the sources of the documents of a range."""
        sources = [np.zeros(0, np.int64), *(self._documents.source(part) for part, _ in self._rows(index))]
        return np.concatenate(sources)

    def add(self, decided: Decided) -> None:
        """Add the decisions about the documents of a range."""
        start, kept, cluster = decided.start, decided.kept, decided.cluster
        numbers = np.arange(start, start + kept.size)
        self._reasons.add(numbers, decided.reason)
        rows = np.flatnonzero((kept != numbers) | (cluster != numbers))
        lines = np.empty(rows.size, LINE)
        lines["document"] = numbers[rows]
        for name in ("kept", "cluster", "similarity"):
            lines[name] = getattr(decided, name)[rows]
        self._lines.add(lines["document"], lines)
        rows = np.flatnonzero(kept != numbers)
        held = np.empty(rows.size, HELD)
        held["kept"], held["document"] = kept[rows], numbers[rows]
        held["source"] = self._sources(decided.index)[rows]
        self._held.add(held["kept"], held)
        self._ids.ask(numbers, kept)
        self._groups.ask(numbers, cluster)

    def parts(self, index: int) -> Iterator[tuple[npt.NDArray[np.void], pa.Table]]:
        """Yield the decisions about the documents of each part of a range, and its table CLUSTERS."""
        start, stop = self._common.range(index)
        decisions = np.empty(stop - start, DECISION)
        kept, cluster = np.arange(start, stop), np.arange(start, stop)
        decisions["reason"], decisions["similarity"] = self._reasons.read(index), 1
        for block in self._lines.blocks(index):
            rows = block["document"] - start
            kept[rows], cluster[rows] = block["kept"], block["cluster"]
            decisions["similarity"][rows] = block["similarity"]
        sizes, sources = self._gather(index, kept)
        decisions["kept"], decisions["cluster"], decisions["copies"] = kept, cluster, sizes
        for block in self._copies.blocks(index):
            decisions["copies"][block[:, 0] - start] = block[:, 1]
        if self._rules.least_sources > 1:
            few = np.bitwise_count(sources).sum(axis=1) < self._rules.least_sources
            decisions["reason"][few & (decisions["reason"] == KEPT)] = FEW_SOURCES
        concerned = (sizes != 1) | (cluster != np.arange(start, stop))
        answered = [names.answer(index, self._rows(index), concerned) for names in (self._ids, self._groups)]
        for records in (self._reasons, self._lines, self._held, self._copies):
            records.remove(index)
        bounds = self._documents.bounds
        for _, part in self._rows(index):
            rows = np.flatnonzero(concerned[part]) + part.start
            ids, groups = (names.take(pa.array(places[rows])) for names, places in answered)
            columns = [
                pa.array((rows - part.start).astype(np.uint32)),
                ids,
                pa.array((np.searchsorted(bounds, kept[rows], "right") - 1).astype(np.int32)),
                groups,
                self._lists(sources[rows], sizes[rows] > 1),
            ]
            yield decisions[part], pa.Table.from_arrays(columns, schema=CLUSTERS)

    def _gather(self, index: int, kept: Int) -> tuple[Int, npt.NDArray[np.uint64]]:
        """Return the number of documents that each of a range stays for, with itself, and a bit for each of their
        sources, (documents, words); sends the numbers to the others. 0 for documents that do not stay."""
        start, stop = self._common.range(index)
        sizes = (kept == np.arange(start, stop)).astype(np.int64)
        sources = np.zeros((stop - start, -(-len(self._documents.names) // 64)), np.uint64)
        own = np.empty(stop - start, HELD)
        own["kept"], own["source"] = np.arange(start, stop), self._sources(index)
        _set_sources(own, start, sources)
        for block in self._held.blocks(index):
            _set_sources(block, start, sources)
            np.add.at(sizes, block["kept"] - start, 1)
        for block in self._held.blocks(index):
            self._copies.add(block["document"], pairs_of(block["document"], sizes[block["kept"] - start]))
        return sizes, sources

    def _lists(self, sources: npt.NDArray[np.uint64], several: npt.NDArray[np.bool_]) -> pa.Array:
        """Return the names of the sources of each document that stays for others; none for the others."""
        bits = np.unpackbits(sources.astype("<u8").view(np.uint8), axis=1, bitorder="little")
        bits[~several] = 0
        rows, codes = np.nonzero(bits)
        offsets = np.append(0, np.cumsum(np.bincount(rows, minlength=several.size))).astype(np.int32)
        values = pa.array(self._documents.names, pa.string()).take(pa.array(codes))
        return pa.ListArray.from_arrays(pa.array(offsets), values)


class _Names:
    """Names that documents ask for: those of the documents that stay for them, or of their clusters.

    records: of the ranges. name: of what is asked. read: returns the names of the documents of a part.
    """

    def __init__(self, records: Records, folder: Path, name: str, read: Callable[[int], pa.Array]) -> None:
        self._asked, self._read = records.beside(f"asked-{name}"), read
        self._answers = Strings(folder, f"names-{name}", records.bounds)

    def ask(self, numbers: Int, others: Int) -> None:
        """Ask for the name of another document, for each document that has another; both (documents,)."""
        rows = np.flatnonzero(others != numbers)
        self._asked.add(others[rows], pairs_of(numbers[rows], others[rows]))

    def answer(
        self, index: int, parts: Iterable[tuple[int, slice]], concerned: npt.NDArray[np.bool_]
    ) -> tuple[pa.ChunkedArray, Int]:
        """Send names of a range's documents to those that asked. Earlier ranges have done so.

        parts: of the range, with their rows. concerned: documents of the range that need a name. Returns names, and
        the place among them of the name that each concerned document asked for; of its own if it did not ask.
        """
        start = int(self._asked.bounds[index])
        needed = concerned.copy()
        for block in self._asked.blocks(index):
            needed[block[:, 1] - start] = True
        chosen = [pa.array([], pa.large_string())]
        for part, rows in parts:
            if needed[rows].any():
                names = self._read(part).cast(pa.large_string())
                chosen.append(names.take(pa.array(np.flatnonzero(needed[rows]))))
        own, places = pa.concat_arrays(chosen), np.cumsum(needed) - 1
        for block in self._asked.blocks(index):
            self._answers.add(block[:, 0], own.take(pa.array(places[block[:, 1] - start])))
        documents, names = self._answers.read(index)
        self._asked.remove(index)
        self._answers.remove(index)
        places[documents - start] = np.arange(documents.size) + len(own)
        return pa.chunked_array([own, names]), places


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _set_sources(held: Any, start: int, sources: Any) -> None:
    """Set the bits of sources of the documents that stay."""
    for k in range(held.size):
        source = held[k]["source"]
        sources[held[k]["kept"] - start, source >> 6] |= np.uint64(1) << np.uint64(source & 63)
