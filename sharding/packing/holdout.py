"""Hold out documents for validation, before packing.

All documents of one duplicate cluster, or of one book, belong to the same split, so that training contains no
near-copy of a validation document. Clusters are selected in the order of a keyed hash of their name: the selection
does not depend on the order of the corpus, and it stays together when the corpus grows. A cluster with more than half
of the tokens of its stratum is never held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from sharding.errors import OptionError
from sharding.options import Validation
from sharding.scheduling import largest_remainder

CHUNK = 1 << 20
BUCKETS = 1 << 12
FLOOR_ROWS = 20  # a stratum with this many rows gets at least one validation row

Int = npt.NDArray[np.int64]
Counts = npt.NDArray[np.integer[Any]]
U64 = npt.NDArray[np.uint64]
Members = tuple[Counts, Counts, U64]
"""Documents: tokens of each with BOS and EOS; the number of its stratum; the hash of its cluster. All (documents,)."""


def keyed_hashes(clusters: Iterable[str], seed: int) -> U64:
    """Return the XXH3 hash of each name with the seed: uint64, (n,)."""
    key = seed & (1 << 64) - 1
    return np.fromiter((xxhash.xxh3_64_intdigest(cluster.encode(), key) for cluster in clusters), np.uint64)


def choose(
    members: Callable[[], Iterable[Members]], names: Sequence[str], validation: Validation, row_tokens: int
) -> U64:
    """Return the hashes of the clusters to hold out, sorted.

    members: reads all documents, in any number of chunks; it is called a few times. names: of the strata. The
    validation rows are divided among strata in proportion to their tokens, at least one for a stratum of 20 rows.
    Whole clusters of each stratum are then held out until its rows are full. Raises OptionError if there are not
    enough documents.

    Only clusters whose hashes are small enough to be chosen are held in memory: tokens are counted by the first bits
    of the hashes before. Memory is that of the clusters that are held out, and 32 KB for each stratum.
    """
    tokens = np.zeros((len(names), BUCKETS), np.int64)
    for streams, stratum, clusters in members():
        np.add.at(tokens, (stratum, _buckets(clusters)), streams)
    totals = tokens.sum(axis=1)
    largest = tokens.argmax(axis=1)
    crowded = np.flatnonzero(2 * tokens[np.arange(len(names)), largest] > totals)
    limits = np.full((len(names), 2), [0, -1])  # first and last bucket to read
    limits[crowded] = largest[crowded, np.newaxis]
    above_half = {}
    for number, (hashes, sizes) in _sizes(members, limits).items():
        for name, size in zip(hashes[2 * sizes > totals[number]], sizes[2 * sizes > totals[number]], strict=True):
            above_half[number] = name
            tokens[number, largest[number]] -= size
    available = np.minimum(tokens.sum(axis=1), totals // 2)
    of = {name: number for number, name in enumerate(names)}
    rows = {name: int(totals[of[name]]) // row_tokens for name in names}
    most = {name: int(available[of[name]]) // row_tokens for name in names}
    required = validation.rows_to_hold_out(sum(rows.values()), sum(most.values()))
    quotas = _quotas({name: int(totals[of[name]]) for name in names}, rows, most, required)
    required_tokens = np.array([quotas[name] * row_tokens for name in names], np.int64)
    for number in range(len(names)):
        last = (
            int(np.searchsorted(np.cumsum(tokens[number]), required_tokens[number])) if required_tokens[number] else -1
        )
        limits[number] = 0, last
    chosen = [np.zeros(0, np.uint64)]
    for number, (hashes, sizes) in _sizes(members, limits).items():
        small = hashes != above_half[number] if number in above_half else np.ones(len(hashes), bool)
        ends = np.cumsum(sizes[small])
        chosen.append(hashes[small][: int(np.searchsorted(ends, required_tokens[number])) + 1])
    return np.unique(np.concatenate(chosen))


def _buckets(clusters: U64) -> Int:
    """Return the first bits of hashes."""
    return (clusters >> np.uint64(64 - BUCKETS.bit_length() + 1)).astype(np.int64)


def _sizes(members: Callable[[], Iterable[Members]], limits: Int) -> dict[int, tuple[U64, Int]]:
    """Return the clusters of strata in order of their hashes: (hashes, tokens) by number of the stratum.

    limits: first and last bucket of hashes of each stratum, (strata, 2).
    """
    pieces: dict[int, list[tuple[U64, Int]]] = {}
    if (limits[:, 0] > limits[:, 1]).all():
        return {}
    for streams, stratum, clusters in members():
        buckets = _buckets(clusters)
        inside = np.flatnonzero((buckets >= limits[stratum, 0]) & (buckets <= limits[stratum, 1]))
        for number in np.unique(stratum[inside]).tolist():
            rows = inside[stratum[inside] == number]
            group = pieces.setdefault(number, [])
            group.append(_summed(clusters[rows], streams[rows]))
            if sum(len(hashes) for hashes, _ in group[1:]) > max(CHUNK, len(group[0][0])):
                group[:] = [_merged(group)]
    return {number: _merged(group) for number, group in pieces.items()}


def _merged(group: list[tuple[U64, Int]]) -> tuple[U64, Int]:
    return _summed(*(np.concatenate(columns) for columns in zip(*group, strict=True)))


def _summed(hashes: U64, streams: Counts) -> tuple[U64, Int]:
    """Return the different hashes, sorted, and the sum of the streams of each."""
    unique, inverse = np.unique(hashes, return_inverse=True)
    sums = np.zeros(len(unique), np.int64)
    np.add.at(sums, inverse, streams)
    return unique, sums


def is_chosen(clusters: U64, chosen: U64) -> npt.NDArray[np.bool_]:
    """Return whether each hash is one of `chosen`, which are sorted."""
    if not len(chosen):
        return np.zeros(len(clusters), np.bool_)
    places = np.minimum(np.searchsorted(chosen, clusters), len(chosen) - 1)
    held: npt.NDArray[np.bool_] = chosen[places] == clusters
    return held


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
