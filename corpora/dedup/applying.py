"""Applying decisions to one part: documents that are dropped are counted by reason, and the others are written.

The metadata of a document that stays for others have the size of its cluster (`cluster_size`), the sources in which it
was found (`cluster_sources`) and, after near deduplication, the name of the cluster (`cluster`), which is its group.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute

from corpora.dedup.clusters import cluster_metadata
from corpora.dedup.decisions import CONTAMINATED, CUT_SHORT, KEPT, REASONS
from corpora.document_counts import DocumentCounter
from corpora.document_statistics import LABELS
from corpora.groups import groups_of

REPEATED_SPANS = "repeated spans"
"""Reason of bytes and characters that were cut out of kept documents."""


@dataclass(frozen=True, slots=True)
class DedupRules:
    """Options of `apply_decisions`.

    near: near-duplicates were compared, so that clusters have names. evaluation: names of the evaluation sets, in
    order.
    """

    near: bool = False
    evaluation: tuple[str, ...] = ()

    def reason(self, code: int) -> str:
        """Return the drop reason for a `reason` of DECISION other than KEPT."""
        return REASONS.get(code) or f"in evaluation set {self.evaluation[code - CONTAMINATED]}"


def apply_decisions(
    table: pyarrow.Table,
    decisions: npt.NDArray[np.void],
    counter: DocumentCounter,
    rules: DedupRules = DedupRules(),
    texts: Mapping[int, str] = MappingProxyType({}),
    clusters: pyarrow.Table | None = None,
) -> pyarrow.Table:
    """Return the kept documents of a part, with the metadata of their clusters.

    table: the documents of the part. decisions: one for each document, from `decide`. counter: counts every document
    as input, and as output or dropped. rules: see `DedupRules`. texts: new texts by row, from `cut_spans`; documents
    with an empty text are dropped. clusters: the part's table of `cluster_tables`; None if there are no clusters.
    """
    sizes, chars = _lengths(table)
    codes = decisions["reason"].copy()
    codes[[row for row, text in texts.items() if not text and codes[row] == KEPT]] = CUT_SHORT
    for row in range(table.num_rows):
        size, length = int(sizes[row]), int(chars[row])
        counter.count_input(size, length)
        if codes[row] != KEPT:
            counter.count_dropped(rules.reason(int(codes[row])), size, length)
    shortened = {row: text for row, text in texts.items() if codes[row] == KEPT}
    if shortened:
        new = [shortened.get(row, text) for row, text in enumerate(table["text"].to_pylist())]
        column = table.schema.get_field_index("text")
        table = table.set_column(column, table.schema.field(column), pyarrow.array(new, table.schema.types[column]))
        before, before_chars = sizes, chars
        sizes, chars = _lengths(table)
        counter.count_removed(REPEATED_SPANS, int((before - sizes).sum()), int((before_chars - chars).sum()))
    labels = list(zip(*(table[name].to_pylist() for name in LABELS), strict=True))
    reasons = ["" if code == KEPT else rules.reason(int(code)) for code in codes]
    counter.statistics.add(table["id"].to_pylist(), table["text"], labels, reasons)
    kept = np.flatnonzero(codes == KEPT)
    result = table.take(pyarrow.array(kept))
    added = {} if clusters is None else cluster_metadata(decisions, clusters, near=rules.near)
    metadata = result["metadata"].to_pylist()
    for place, (row, group) in enumerate(zip(kept.tolist(), groups_of(result).to_pylist(), strict=True)):
        if row in added and added[row] != {"cluster": group}:
            metadata[place] = json.dumps(json.loads(metadata[place]) | added[row], ensure_ascii=False, sort_keys=True)
    for index in kept:
        source, language, category = labels[index]
        counter.count_outputs(source, language, category, 1, int(sizes[index]), int(chars[index]))
    column = result.schema.get_field_index("metadata")
    return result.set_column(column, result.schema.field(column), pyarrow.array(metadata, pyarrow.string()))


def _lengths(table: pyarrow.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the UTF-8 bytes and the characters of each text."""
    compute = pyarrow.compute
    return compute.binary_length(table["text"]).to_numpy(), compute.utf8_length(table["text"]).to_numpy()
