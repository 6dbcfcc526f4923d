"""Holding out: which documents are for validation, chosen before packing.

Documents of one duplicate cluster, or of one book, stand on one side together, so that no near-copy of a
validation document is trained on. Clusters are taken in the order of a keyed hash of their name: the choice
does not depend on the order of the corpus, and a larger corpus keeps the smaller one's choice together. A
cluster that holds more than half of its stratum is passed over: training needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from sharding.errors import OptionError
from sharding.options import Validation
from sharding.scheduling import largest_remainder

CHUNK = 1 << 20
FLOOR_ROWS = 20  # a stratum of so many rows is never left without a validation row

Int = npt.NDArray[np.int64]
Counts = npt.NDArray[np.integer[Any]]
U64 = npt.NDArray[np.uint64]


def keyed_hashes(clusters: Iterable[str], seed: int) -> U64:
    """XXH3's 64 bits of each name, under the seed."""
    key = seed & (1 << 64) - 1
    return np.fromiter((xxhash.xxh3_64_intdigest(cluster.encode(), key) for cluster in clusters), np.uint64)


def hold_out(
    streams: Counts, stratum: Counts, clusters: U64, names: Sequence[str], validation: Validation, row_tokens: int
) -> npt.NDArray[np.bool_]:
    """True for each document to hold out.

    streams: tokens of each document with BOS and EOS; stratum: index in `names`; clusters: hashes. The rows
    asked for are divided over strata in proportion to their tokens, at least one for a stratum of 20 rows;
    each stratum then gives whole clusters until its rows are full. Raises OptionError if it can't be done.
    """
    candidates = [
        _Candidates(streams[mine], clusters[mine], row_tokens)
        for s in range(len(names))
        for mine in [np.flatnonzero(stratum == s)]
    ]
    tokens = {name: one.tokens for name, one in zip(names, candidates, strict=True)}
    most = {name: one.most_rows for name, one in zip(names, candidates, strict=True)}
    rows = {name: count // row_tokens for name, count in tokens.items()}
    quotas = _quotas(tokens, rows, most, validation.rows_to_hold_out(sum(rows.values()), sum(most.values())))
    chosen = np.unique(np.concatenate([one.first(quotas[n]) for n, one in zip(names, candidates, strict=True)]))
    held = np.zeros(len(clusters), np.bool_)
    for first in range(0, len(clusters) if len(chosen) else 0, CHUNK):
        some = clusters[first : first + CHUNK]
        held[first : first + CHUNK] = chosen[np.minimum(np.searchsorted(chosen, some), len(chosen) - 1)] == some
    return held


class _Candidates:
    """The clusters of one stratum that may be held out, in the order of their hashes, up to half of its tokens."""

    def __init__(self, streams: Counts, hashes: U64, row_tokens: int) -> None:
        order = np.argsort(hashes, kind="stable")
        streams, hashes = streams[order], hashes[order]
        del order  # of ten million documents these arrays are what planning needs most memory for
        begin = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        names = hashes[begin]
        sizes = np.add.reduceat(streams, begin, dtype=np.int64) if len(begin) else np.zeros(0, np.int64)
        self.tokens = int(sizes.sum())
        small = 2 * sizes <= self.tokens
        ends = np.cumsum(sizes[small])
        reach = min(int(ends[-1]) if len(ends) else 0, self.tokens // 2)
        enough = int(np.searchsorted(ends, reach)) + 1
        self._names, self._ends = names[small][:enough].copy(), ends[:enough].copy()
        self._row_tokens = row_tokens
        self.most_rows = reach // row_tokens

    def first(self, rows: int) -> U64:
        """The fewest clusters that fill so many rows."""
        if rows == 0:
            return self._names[:0]
        return self._names[: int(np.searchsorted(self._ends, rows * self._row_tokens)) + 1]


def _quotas(tokens: dict[str, int], rows: dict[str, int], most: dict[str, int], wanted: int) -> dict[str, int]:
    if wanted > sum(most.values()):
        raise OptionError(
            f"validation: {wanted} rows are asked for, but whole documents, and no more than half of any stratum, "
            f"give {sum(most.values())}; ask for fewer"
        )
    quotas = dict.fromkeys(tokens, 0)
    while left := wanted - sum(quotas.values()):
        open_to = {name: float(tokens[name]) for name in tokens if quotas[name] < most[name]}
        for name, share in largest_remainder(open_to, left).items():
            quotas[name] = min(quotas[name] + share, most[name])
    return {
        name: max(quota, 1) if rows[name] >= FLOOR_ROWS and most[name] else quota for name, quota in quotas.items()
    }
