"""Deduplication across all parts of all sources, exact or near, the same for any number of workers.

Two texts are the same if they are equal once tashkeel and tatweel are gone, ASCII letters are lower case, and runs of
white space are one space (none at the ends); alef, hamza and the rest must agree. What is compared is the 128-bit
xxh3 of that: among 10^10 documents the chance of one false match is about 10^-19. What near-duplicates are says
`corpora.dedup.minhash`; a cluster then holds the texts that are the same and those that are nearly so.

The best copy is the first: in the order of the corpora as given (a recipe names the most trusted first), then of
parts, then of rows. Its id is the cluster's (`cluster` in its metadata after near deduplication), and how many copies
there were is `cluster_size` there. An id that comes a second time, with another text, goes too ("duplicate id"): ids
are unique in a dataset. A document that holds a passage of an evaluation set (`corpora.dedup.decontaminate`) goes
before all that, so that it neither stands for its copies nor binds others together.

Three steps: `fingerprints` of each part (parallel; `minhash.band_keys` and `Evaluation.find` too), one `decide` over
all parts (34 bytes a document, and 8 for the band that is looked at), `apply` to each part (parallel).
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
"""xxh3-128 of a document's normalised text and of its id; what `Evaluation.find` says of it, 0 if it was not asked."""

KEPT, SAME_TEXT, SAME_ID, NEAR_TEXT, CONTAMINATED = range(5)
REASONS = {SAME_TEXT: "exact duplicate", SAME_ID: "duplicate id", NEAR_TEXT: "near duplicate"}

DECISION = np.dtype([("fate", "<u2"), ("copies", "<i8")])
"""What becomes of a document: KEPT, a key of REASONS, or CONTAMINATED + the number of the evaluation set; and the
size of its cluster."""

Fingerprints = npt.NDArray[np.void]
Verdicts = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class DedupRules:
    """What `apply` has to know beside verdicts: whether nearly the same was enough, the evaluation sets' names."""

    near: bool = False
    evaluation: tuple[str, ...] = ()

    def reason(self, fate: int) -> str:
        """Why a document of this fate goes."""
        return REASONS.get(fate) or f"in evaluation set {self.evaluation[fate - CONTAMINATED]}"


def fingerprints(table: pyarrow.Table) -> Fingerprints:
    """What `decide` has to know of the documents of a part (columns id and text), shape (rows,)."""
    found = np.zeros(table.num_rows, FINGERPRINT)
    for row, text in enumerate(_each(table["text"])):
        target = np.empty(text.size, np.uint8)
        found["text"][row] = _halves(xxhash.xxh3_128_digest(target[: _canonical(text, target)].data))
    for row, name in enumerate(_each(table["id"])):
        found["id"][row] = _halves(xxhash.xxh3_128_digest(name.data))
    return found


def canonical(text: bytes) -> bytes:
    """UTF-8 text as it is compared."""
    source = np.frombuffer(text, np.uint8)
    target = np.empty(source.size, np.uint8)
    return target[: _canonical(source, target)].tobytes()


def decide(
    parts: Sequence[Fingerprints], keys: Sequence[minhash.Keys] | None = None, *, exact: bool = True
) -> list[Verdicts]:
    """Which documents stay, from the fingerprints of all parts, in the order that says which copy is best.

    Without `exact` equal texts stay, but not equal ids. With `keys`, the band keys of the same parts, near-duplicates
    go too; documents with keys of zeros alone, as those in an evaluation set must have, are like no other.
    """
    everything = np.concatenate([np.empty(0, FINGERPRINT), *parts])
    rows = np.arange(everything.size)
    verdicts = np.zeros(everything.size, DECISION)
    fate = verdicts["fate"]
    first, verdicts["copies"] = _clusters(everything["text"]) if exact else (rows, 1)
    fate[first != rows] = SAME_TEXT
    if keys is not None:
        best = minhash.join(first, keys)
        verdicts["copies"] = np.bincount(best, minlength=best.size)[best]
        fate[(fate == KEPT) & (best != rows)] = NEAR_TEXT
    contaminated = everything["evaluation"] > 0
    fate[contaminated] = CONTAMINATED - 1 + everything["evaluation"][contaminated]
    kept = np.flatnonzero(fate == KEPT)
    first_id, _ = _clusters(everything["id"][kept])
    fate[kept[first_id != np.arange(kept.size)]] = SAME_ID
    bounds = np.cumsum([0, *(part.size for part in parts)])
    return [verdicts[start:stop] for start, stop in itertools.pairwise(bounds)]


def apply_decisions(
    table: pyarrow.Table, verdicts: Verdicts, counter: DocumentCounter, rules: DedupRules = DedupRules()
) -> pyarrow.Table:
    """The documents of a part that stay, the cluster in the metadata of those that had copies. All are counted."""
    sizes = pyarrow.compute.binary_length(table["text"]).to_numpy()
    chars = pyarrow.compute.utf8_length(table["text"]).to_numpy()
    fates = verdicts["fate"]
    for row in range(table.num_rows):
        size, length = int(sizes[row]), int(chars[row])
        counter.count_input(size, length)
        if fates[row] != KEPT:
            counter.count_dropped(rules.reason(int(fates[row])), size, length)
    labels = list(zip(*(table[name].to_pylist() for name in LABELS), strict=True))
    reasons = ["" if fate == KEPT else rules.reason(int(fate)) for fate in fates]
    counter.statistics.add(table["id"].to_pylist(), table["text"], labels, reasons)
    kept = np.flatnonzero(fates == KEPT)
    result = table.take(pyarrow.array(kept))
    metadata = [
        _with_cluster(text, {"cluster": name} if rules.near else {}, int(copies))
        for name, text, copies in zip(
            result["id"].to_pylist(), result["metadata"].to_pylist(), verdicts["copies"][kept], strict=True
        )
    ]
    for place in kept:
        source, language, category = labels[place]
        counter.count_outputs(source, language, category, 1, int(sizes[place]), int(chars[place]))
    column = result.schema.get_field_index("metadata")
    return result.set_column(column, result.schema.field(column), pyarrow.array(metadata, pyarrow.string()))


def _with_cluster(metadata: str, name: dict[str, str], copies: int) -> str:
    if copies == 1:
        return metadata
    return json.dumps(json.loads(metadata) | name | {"cluster_size": copies}, ensure_ascii=False, sort_keys=True)


def _clusters(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each row of `keys` (n, 2): the first row with its key, and how many rows have it."""
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
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _each(column: pyarrow.ChunkedArray) -> Iterator[npt.NDArray[np.uint8]]:
    """The bytes of each string of a column, where they lie."""
    for data, offsets in chunks(column):
        for start, stop in itertools.pairwise(offsets):
            yield data[start:stop]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _canonical(source: Any, target: Any) -> int:
    out = 0
    space = False
    i = 0
    while i < source.size:
        byte = source[i]
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            space = True
            i += 1
            continue
        # U+0640; U+064B to U+065F but hamza and maddah, U+0653 to U+0655; U+0670.
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
