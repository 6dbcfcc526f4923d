"""Hold out documents for validation, before packing.

All documents of one duplicate cluster, or of one book, belong to the same split, so that training contains no
near-copy of a validation document. Clusters are selected in the order of a keyed hash of their name: the selection
does not depend on the order of the corpus, and it stays together when the corpus grows. A cluster with more than half
of the tokens of its stratum is never held out.
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
FLOOR_ROWS = 20  # a stratum with this many rows gets at least one validation row

Int = npt.NDArray[np.int64]
Counts = npt.NDArray[np.integer[Any]]
U64 = npt.NDArray[np.uint64]


def keyed_hashes(clusters: Iterable[str], seed: int) -> U64:
    """Return the XXH3 hash of each name with the seed: uint64, (n,)."""
    key = seed & (1 << 64) - 1
    return np.fromiter((xxhash.xxh3_64_intdigest(cluster.encode(), key) for cluster in clusters), np.uint64)


def hold_out(
    streams: Counts, stratum: Counts, clusters: U64, names: Sequence[str], validation: Validation, row_tokens: int
) -> npt.NDArray[np.bool_]:
    """Return a bool array, (documents,), that is True for each document to hold out.

    streams: tokens of each document with BOS and EOS; stratum: its index in `names`; clusters: its hash, see
    `keyed_hashes`; all of shape (documents,); names: of the strata. The validation rows are divided among strata in
    proportion to their tokens, at least one for a stratum of 20 rows. Whole clusters of each stratum are then held out
    until its rows are full. Raises OptionError if there are not enough documents.
    """
    candidates = [
        _Candidates(streams[members], clusters[members], row_tokens)
        for s in range(len(names))
        for members in [np.flatnonzero(stratum == s)]
    ]
    tokens = {name: group.tokens for name, group in zip(names, candidates, strict=True)}
    most = {name: group.most_rows for name, group in zip(names, candidates, strict=True)}
    rows = {name: count // row_tokens for name, count in tokens.items()}
    quotas = _quotas(tokens, rows, most, validation.rows_to_hold_out(sum(rows.values()), sum(most.values())))
    chosen = np.unique(np.concatenate([group.first(quotas[n]) for n, group in zip(names, candidates, strict=True)]))
    held = np.zeros(len(clusters), np.bool_)
    for first in range(0, len(clusters) if len(chosen) else 0, CHUNK):
        chunk = clusters[first : first + CHUNK]
        held[first : first + CHUNK] = chosen[np.minimum(np.searchsorted(chosen, chunk), len(chosen) - 1)] == chunk
    return held


class _Candidates:
    """The clusters of one stratum that can be held out, in the order of their hashes, up to half of its tokens."""

    def __init__(self, streams: Counts, hashes: U64, row_tokens: int) -> None:
        order = np.argsort(hashes, kind="stable")
        streams, hashes = streams[order], hashes[order]
        del order  # these arrays determine the peak memory of planning
        begin = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        names = hashes[begin]
        sizes = np.add.reduceat(streams, begin, dtype=np.int64) if len(begin) else np.zeros(0, np.int64)
        self.tokens = int(sizes.sum())
        small = 2 * sizes <= self.tokens
        ends = np.cumsum(sizes[small])
        available = min(int(ends[-1]) if len(ends) else 0, self.tokens // 2)
        enough = int(np.searchsorted(ends, available)) + 1
        self._names, self._ends = names[small][:enough].copy(), ends[:enough].copy()
        self._row_tokens = row_tokens
        self.most_rows = available // row_tokens

    def first(self, rows: int) -> U64:
        """Return the hashes of the smallest number of leading clusters that fill `rows` rows."""
        if rows == 0:
            return self._names[:0]
        return self._names[: int(np.searchsorted(self._ends, rows * self._row_tokens)) + 1]


def _quotas(tokens: dict[str, int], rows: dict[str, int], most: dict[str, int], total: int) -> dict[str, int]:
    """Return the number of validation rows of each stratum; `most`: rows of it that can be held out."""
    if total > sum(most.values()):
        raise OptionError(
            f"validation: {total} rows are asked for, but whole documents of at most half of each stratum give "
            f"{sum(most.values())}; ask for fewer"
        )
    quotas = dict.fromkeys(tokens, 0)
    while remaining := total - sum(quotas.values()):
        weights = {name: float(tokens[name]) for name in tokens if quotas[name] < most[name]}
        for name, share in largest_remainder(weights, remaining).items():
            quotas[name] = min(quotas[name] + share, most[name])
    return {
        name: max(quota, 1) if rows[name] >= FLOOR_ROWS and most[name] else quota for name, quota in quotas.items()
    }
