"""Deduplication over all parts of all sources, exact or near. The result does not depend on the number of workers.

Two texts are equal if they agree after tashkeel and tatweel are removed, ASCII letters are in lower case, and each run
of white space is one space (none at the ends). Alef, hamza and all other letters must agree. The 128-bit xxh3 digests
of these canonical texts are compared: among 10^10 documents the probability of one false match is about 10^-19.
`corpora.dedup.minhash` defines near-duplicates. A cluster contains equal texts and near-duplicates.

The first document of a cluster is kept, in the order of the corpora in the recipe, then of parts, then of rows; a
recipe lists the most trusted corpus first. The metadata of a kept document contain the size of its cluster
(`cluster_size`) and, after near deduplication, the id of the cluster (`cluster`), which is the document's own id. A
document that repeats an id with another text is dropped too ("duplicate id"), because ids are unique in a dataset.
A document that contains a passage of an evaluation set (`corpora.dedup.decontaminate`) is dropped for that reason.
Its keys must be zeros, so that it connects no other documents.

Three steps: `fingerprints` of each part (in parallel, with `minhash.band_keys` and `Evaluation.find`); one `decide`
for all parts (34 bytes for each document, and 8 for the current band); `apply_decisions` to each part (in parallel).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute
import xxhash
from numba import njit

from corpora.arrow_text import chunks
from corpora.dedup import minhash
from corpora.document_counts import DocumentCounter
from corpora.document_statistics import LABELS

FINGERPRINT = np.dtype([("text", "<u8", (2,)), ("id", "<u8", (2,)), ("evaluation", "<u2")])
"""Fingerprint of one document.

text: xxh3-128 of the canonical text. id: xxh3-128 of the id. evaluation: 1 + the index of the matching evaluation set;
0 if none.
"""

KEPT, SAME_TEXT, SAME_ID, NEAR_TEXT, CONTAMINATED = range(5)
REASONS = {SAME_TEXT: "exact duplicate", SAME_ID: "duplicate id", NEAR_TEXT: "near duplicate"}

DECISION = np.dtype([("reason", "<u2"), ("copies", "<i8")])
"""Decision about one document.

reason: KEPT, a key of REASONS, or CONTAMINATED + the index of the evaluation set. copies: documents in its cluster.
"""

Fingerprints = npt.NDArray[np.void]
Decisions = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class DedupRules:
    """Options of `apply_decisions`.

    near: near-duplicates were compared, so that clusters have ids. evaluation: names of the evaluation sets, in order.
    """

    near: bool = False
    evaluation: tuple[str, ...] = ()

    def reason(self, code: int) -> str:
        """Return the drop reason for a `reason` of DECISION other than KEPT."""
        return REASONS.get(code) or f"in evaluation set {self.evaluation[code - CONTAMINATED]}"


def fingerprints(table: pyarrow.Table) -> Fingerprints:
    """Return the fingerprints of a part's documents, dtype FINGERPRINT, shape (rows,).

    table: has the columns id and text. The field `evaluation` is 0; the caller fills it from `Evaluation.find`.
    """
    result = np.zeros(table.num_rows, FINGERPRINT)
    for row, text in enumerate(_byte_strings(table["text"])):
        target = np.empty(text.size, np.uint8)
        result["text"][row] = _halves(xxhash.xxh3_128_digest(target[: _canonical(text, target)].data))
    for row, name in enumerate(_byte_strings(table["id"])):
        result["id"][row] = _halves(xxhash.xxh3_128_digest(name.data))
    return result


def canonical(text: bytes) -> bytes:
    """Return the canonical form of a UTF-8 text. Texts with the same canonical form are exact duplicates."""
    source = np.frombuffer(text, np.uint8)
    target = np.empty(source.size, np.uint8)
    return target[: _canonical(source, target)].tobytes()


def decide(
    parts: Sequence[Fingerprints], keys: Sequence[minhash.Keys] | None = None, *, exact: bool = True
) -> list[Decisions]:
    """Decide which documents are kept.

    parts: the fingerprints of all parts, most trusted first; of a cluster the first document is kept.
    keys: the band keys of the same parts, to drop near-duplicates as well; None to compare exact texts only. Keys that
    are all zero match no other keys; documents in an evaluation set must have such keys.
    exact: drop equal texts. If false, only equal ids are dropped (and near-duplicates, if `keys` is given).
    Returns, for each part, an array of dtype DECISION, shape (rows,).
    """
    documents = np.concatenate([np.empty(0, FINGERPRINT), *parts])
    rows = np.arange(documents.size)
    decisions = np.zeros(documents.size, DECISION)
    reason = decisions["reason"]
    first, decisions["copies"] = _clusters(documents["text"]) if exact else (rows, 1)
    reason[first != rows] = SAME_TEXT
    if keys is not None:
        first_near = minhash.join(first, keys)
        decisions["copies"] = np.bincount(first_near, minlength=first_near.size)[first_near]
        reason[(reason == KEPT) & (first_near != rows)] = NEAR_TEXT
    contaminated = documents["evaluation"] > 0
    reason[contaminated] = CONTAMINATED - 1 + documents["evaluation"][contaminated]
    kept = np.flatnonzero(reason == KEPT)
    first_id, _ = _clusters(documents["id"][kept])
    reason[kept[first_id != np.arange(kept.size)]] = SAME_ID
    bounds = np.cumsum([0, *(part.size for part in parts)])
    return [decisions[start:stop] for start, stop in itertools.pairwise(bounds)]


def apply_decisions(
    table: pyarrow.Table, decisions: Decisions, counter: DocumentCounter, rules: DedupRules = DedupRules()
) -> pyarrow.Table:
    """Return the kept documents of a part, with cluster metadata for those that had copies.

    table: the documents of the part. decisions: one for each document, from `decide`. counter: counts every document
    as input, and as output or dropped. rules: see `DedupRules`.
    """
    sizes = pyarrow.compute.binary_length(table["text"]).to_numpy()
    chars = pyarrow.compute.utf8_length(table["text"]).to_numpy()
    codes = decisions["reason"]
    for row in range(table.num_rows):
        size, length = int(sizes[row]), int(chars[row])
        counter.count_input(size, length)
        if codes[row] != KEPT:
            counter.count_dropped(rules.reason(int(codes[row])), size, length)
    labels = list(zip(*(table[name].to_pylist() for name in LABELS), strict=True))
    reasons = ["" if code == KEPT else rules.reason(int(code)) for code in codes]
    counter.statistics.add(table["id"].to_pylist(), table["text"], labels, reasons)
    kept = np.flatnonzero(codes == KEPT)
    result = table.take(pyarrow.array(kept))
    metadata = [
        _with_cluster(text, {"cluster": name} if rules.near else {}, int(copies))
        for name, text, copies in zip(
            result["id"].to_pylist(), result["metadata"].to_pylist(), decisions["copies"][kept], strict=True
        )
    ]
    for index in kept:
        source, language, category = labels[index]
        counter.count_outputs(source, language, category, 1, int(sizes[index]), int(chars[index]))
    column = result.schema.get_field_index("metadata")
    return result.set_column(column, result.schema.field(column), pyarrow.array(metadata, pyarrow.string()))


def _with_cluster(metadata: str, name: dict[str, str], copies: int) -> str:
    """Add `name` and the cluster's size to metadata (a JSON object as text), if the document had copies."""
    if copies == 1:
        return metadata
    return json.dumps(json.loads(metadata) | name | {"cluster_size": copies}, ensure_ascii=False, sort_keys=True)


def _clusters(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for each row of `keys` (n, 2), the index of the first row equal to it and the number of such rows."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal keys stay in order of rows
    ordered = keys[order]
    begins = np.ones(order.size, bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, order.size))
    first, copies = np.empty(order.size, np.int64), np.empty(order.size, np.int64)
    first[order] = np.repeat(order[starts], sizes)
    copies[order] = np.repeat(sizes, sizes)
    return first, copies


def _halves(digest: bytes) -> tuple[int, int]:
    """Return a digest of 16 bytes as two little-endian integers."""
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _byte_strings(column: pyarrow.ChunkedArray) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the UTF-8 bytes of each string of a column, without a copy."""
    for data, offsets in chunks(column):
        for start, stop in itertools.pairwise(offsets):
            yield data[start:stop]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _canonical(source: Any, target: Any) -> int:
    """Write the canonical form of the UTF-8 text `source` to `target`; return its length in bytes."""
    out = 0
    space = False
    i = 0
    while i < source.size:
        byte = source[i]
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            space = True
            i += 1
            continue
        # U+0640; U+064B to U+065F without hamza and maddah (U+0653 to U+0655); U+0670.
        if i + 1 < source.size:
            second = source[i + 1]
            harakat = byte == 0xD9 and ((0x8B <= second <= 0x9F and not 0x93 <= second <= 0x95) or second == 0x80)
            if harakat or (byte == 0xD9 and second == 0xB0):
                i += 2
                continue
        if space and out:
            target[out] = 0x20
            out += 1
        space = False
        target[out] = byte + 0x20 if 0x41 <= byte <= 0x5A else byte
        out += 1
        i += 1
    return out
