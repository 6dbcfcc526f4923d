"""Decisions: which documents of all parts are dropped, why, and for which document that stays.

Documents of all parts are numbered, those of the most trusted corpus first. `decide` reads pairs of documents with
equal keys (`corpora.dedup.keys`) in one process. It holds some numbers for each document of a range of documents, and
sends what it finds of others to their ranges, on disk (`corpora.dedup.records`): memory does not grow with the number
of documents. Of each document of all, it has a bit, on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpora.dedup import minhash
from corpora.dedup.candidates import Bits, edges_of, mark, no_bits, repeated_in
from corpora.dedup.components import components
from corpora.dedup.keys import Pairs
from corpora.dedup.proven import COMPARISON, Candidates, prove
from corpora.dedup.records import PAIR, Int, Records, divide, pairs_of

KEPT, SAME_TEXT, SAME_ID, NEAR_TEXT, CUT_SHORT, FEW_SOURCES, CONTAMINATED = range(7)
REASONS = {
    SAME_TEXT: "exact duplicate",
    SAME_ID: "duplicate id",
    NEAR_TEXT: "near duplicate",
    CUT_SHORT: "too short without repeated spans",
    FEW_SOURCES: "in too few sources",
}

DECISION = np.dtype(
    [("reason", "<u2"), ("copies", "<i8"), ("kept", "<i8"), ("cluster", "<i8"), ("similarity", "<f4")], align=False
)
"""Decision about one document.

reason: KEPT, a key of REASONS, or CONTAMINATED + the index of the evaluation set.
copies: documents that one document stays for, with itself; the same for all of them.
kept: number of the document that stays; its own if none stays for it. cluster: number of the first document of the
cluster: near-duplicates, and the groups that these belong to. similarity: estimate of the Jaccard similarity with the
document that stays; NaN if they were not compared.
"""

RANGE = 1 << 20
"""Documents of a range, about: up to 300 bytes each (three of four dropped, ids of 27 bytes; simulated)."""

Kind = Literal["text", "id", "band", "group"]
"""What keys are of."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of all parts; what is read of one part at a time.

    bounds: number of the first document of each part, and the number of documents. evaluation: returns 1 + the index
    of the matching evaluation set of each document of a part, 0 if none. source: returns the indexes of their sources
    in `names`. ids, groups: return their ids and the names of their groups (`corpora.groups`).
    """

    bounds: Int
    evaluation: Callable[[int], npt.NDArray[np.integer[Any]]]
    source: Callable[[int], npt.NDArray[np.integer[Any]]]
    names: Sequence[str]
    ids: Callable[[int], pa.Array]
    groups: Callable[[int], pa.Array]


@dataclass(frozen=True, slots=True)
class Proof:
    """How near-duplicates are proven (`corpora.dedup.proven`).

    setting: that of the signatures. threshold: least similarity. signatures: returns those of a part, uint8
    (documents, functions).
    """

    setting: minhash.Setting
    threshold: float
    signatures: Callable[[int], minhash.Signatures]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is dropped. exact: equal texts. near: near-duplicates. If neither, only equal ids.

    proof: drop proven near-duplicates only. If None, all documents of a cluster but the first are dropped.
    least_sources: drop documents that were found in fewer sources.
    """

    exact: bool = True
    near: bool = False
    proof: Proof | None = None
    least_sources: int = 1

    @property
    def proven(self) -> bool:
        return self.near and self.proof is not None


@dataclass(frozen=True, slots=True)
class Common:
    """What documents have in common, divided by ranges of documents.

    parts: first part of each range, and the number of parts. labels: (document, first document of its component of
    candidates) if another. clusters: the same, of components that groups join. equal: (document, earlier document with
    an equal text); asked: the same, by the earlier document. compared: COMPARISON. ids: documents that repeat an id.
    """

    parts: Sequence[int]
    labels: Records
    clusters: Records
    equal: Records
    asked: Records
    compared: Records
    ids: Records

    def range(self, index: int) -> tuple[int, int]:
        """Return the first document of a range, and the end."""
        start, stop = self.labels.bounds[index : index + 2]
        return int(start), int(stop)


def find(
    documents: Documents,
    pairs: Callable[[Kind], Iterable[Iterable[Pairs]]],
    rules: Rules,
    folder: Path,
    most: int = RANGE,
) -> Common:
    """Find what documents have in common. The documents of all parts are numbered, the most trusted parts first.

    pairs: returns the pairs of documents with equal keys of a kind, from `equal_pairs`: for each range of keys of a
    kind or, for bands, of one band, in blocks. Documents in an evaluation set must have no keys of bands. Of groups
    there are none if each document is a group of its own.
    folder: exists; for temporary files. most: documents of a range, about.
    """
    parts = divide(documents.bounds, most)
    bounds = documents.bounds[parts]
    edges, labels, equal, asked, ids = (
        Records(folder, name, PAIR if name != "ids" else np.int64, bounds)
        for name in ("edges", "labels", "equal", "asked", "ids")
    )
    common = Common(parts, labels, labels, equal, asked, edges.beside("compared", COMPARISON), ids)
    dropped = no_bits(folder / "dropped", int(documents.bounds[-1]))
    if rules.proven:  # only documents that are not dropped for another reason are compared
        _mark_repeated(documents, pairs, dropped, ids)
    for sets in pairs("text") if rules.exact else ():
        for block in edges_of(sets, dropped):
            edges.add(block[:, 0], block)
            equal.add(block[:, 0], block)
            asked.add(block[:, 1], block)
    for sets in pairs("band") if rules.near else ():
        for block in edges_of(sets, dropped):
            edges.add(block[:, 0], block)
    candidates = Candidates(labels)
    for index, values in components(edges):
        start, stop = common.range(index)
        numbers = np.arange(start, stop)
        joined = np.flatnonzero(values != numbers)
        lines = np.stack([numbers[joined], values[joined]], axis=1)
        labels.add(lines[:, 0], lines)
        if rules.proven:
            candidates.add(lines[~_repeated(equal, index)[joined]])
        else:
            mark(numbers[joined], dropped)
    if rules.proof is not None and rules.proven:
        setting, threshold = rules.proof.setting, rules.proof.threshold
        prove(candidates, documents.bounds, parts, rules.proof.signatures, setting, threshold, common.compared)
    else:
        _mark_repeated(documents, pairs, dropped, ids)
    none = no_bits(folder / "none", int(documents.bounds[-1]))
    return replace(common, clusters=_clusters(labels, pairs("group"), none))


def _clusters(labels: Records, groups: Iterable[Iterable[Pairs]], none: Bits) -> Records:
    """Return the first document of each document's cluster: components, joined by the groups that documents share.

    labels: of components. Documents that are dropped join others too: a translation belongs with the near-duplicate
    that stays for its original. Whether a document is dropped does not depend on groups.
    """
    edges = labels.beside("joined")
    shared = 0
    for sets in groups:
        for block in edges_of(sets, none):
            edges.add(block[:, 0], block)
            shared += len(block)
    if not shared:
        return labels
    for index in range(labels.ranges):
        for block in labels.blocks(index):
            edges.add(block[:, 0], block)
    clusters = labels.beside("clusters")
    for index, values in components(edges):
        numbers = np.arange(*labels.bounds[index : index + 2])
        rows = np.flatnonzero(values != numbers)
        clusters.add(numbers[rows], pairs_of(numbers[rows], values[rows]))
    return clusters


def _mark_repeated(documents: Documents, pairs: Callable[[Kind], Any], dropped: Bits, ids: Records) -> None:
    """Mark documents of evaluation sets, then documents whose id an earlier document has that is not marked."""
    for part, start in enumerate(documents.bounds[:-1]):
        mark(np.flatnonzero(documents.evaluation(part)) + start, dropped)
    for sets in pairs("id"):
        for rows in repeated_in(sets, dropped):
            ids.add(rows, rows)


def _repeated(equal: Records, index: int) -> npt.NDArray[np.bool_]:
    """Return True for each document of a range with the text of an earlier one."""
    start, stop = equal.bounds[index : index + 2]
    repeated = np.zeros(stop - start, bool)
    for block in equal.blocks(index):
        repeated[block[:, 0] - start] = True
    return repeated


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions about the documents of a range: fields of DECISION but `copies`; arrays (documents,).

    index: of the range. start: its first document.
    """

    index: int
    start: int
    reason: npt.NDArray[np.uint16]
    kept: Int
    cluster: Int
    similarity: npt.NDArray[np.float32]


def decide_ranges(documents: Documents, common: Common, rules: Rules) -> Iterator[Decided]:
    """Yield the decisions about the documents of each range, in order; all reasons but FEW_SOURCES."""
    answers = common.labels.beside("answers", COMPARISON)
    for index in range(common.labels.ranges):
        start, stop = common.range(index)
        numbers = np.arange(start, stop)
        repeated = _repeated(common.equal, index)
        reason, similarity = np.zeros(stop - start, np.uint16), np.ones(stop - start, "<f4")
        kept, cluster = numbers.copy(), numbers.copy()
        for block in common.clusters.blocks(index):
            cluster[block[:, 0] - start] = block[:, 1]
        if rules.proven:
            _settle(common, answers, index, kept, similarity)
        else:
            for block in common.labels.blocks(index):
                kept[block[:, 0] - start] = block[:, 1]
        reason[kept != numbers] = NEAR_TEXT
        reason[repeated] = SAME_TEXT
        if not rules.proven:
            similarity[reason == NEAR_TEXT] = np.nan
        for part in range(common.parts[index], common.parts[index + 1]):
            rows = slice(*(documents.bounds[part : part + 2] - start))
            evaluation = documents.evaluation(part).astype(np.uint16)
            reason[rows] = np.where(evaluation > 0, CONTAMINATED - 1 + evaluation, reason[rows])
        for block in common.ids.blocks(index):
            reason[block - start] = SAME_ID
        yield Decided(index, start, reason, kept, cluster, similarity)


def _settle(common: Common, answers: Records, index: int, kept: Int, similarity: npt.NDArray[np.float32]) -> None:
    """Write the documents that stay for those of a range, and the estimates, which equal texts share."""
    start, _ = common.range(index)

    def take() -> None:
        for records in (common.compared, answers):
            for block in records.blocks(index):
                rows = block["document"] - start
                kept[rows], similarity[rows] = block["kept"], block["similarity"]

    take()
    for block in common.asked.blocks(index):
        lines = np.empty(block.shape[0], COMPARISON)
        rows = block[:, 1] - start
        lines["document"], lines["kept"], lines["similarity"] = block[:, 0], kept[rows], similarity[rows]
        answers.add(block[:, 0], lines)
    take()
