"""Keys of documents on disk, and pairs of documents with equal keys, one range of keys after another.

Each part of documents has three files of keys: of texts, of ids, and of MinHash bands. Their records are sorted by
key, so that the records of a range of keys are a slice of each file. `equal_pairs` reads these slices, one file at a
time, and holds the records of one range: memory depends on the size of the range, not on the number of documents.
Records are compared in hash tables of a few thousand, which is several times as fast as sorting all keys.

Documents are numbered over all parts. For each set of documents with one key the pairs are (first, other), where the
others ascend; a document is in one set of a kind at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.dedup.word_hashes import mix

WIDE = np.dtype([("key", "<u8"), ("rest", "<u8"), ("row", "<u4")])
"""A key of 128 bits, of a text or an id, and the row of its document in the part."""

NARROW = np.dtype([("key", "<u8"), ("row", "<u4")])
"""A key of 64 bits, of a band. 0 stands for no key and equals none."""

LAST = 2**64 - 1
"""The largest key."""

CROWDED = 64
"""Keys with the same first bits that are sorted by insertion, at most."""

BUCKET = 1 << 12
"""Keys that are compared in one table, about."""

Pairs = npt.NDArray[np.int64]
"""Pairs of numbers of documents, (pairs, 2)."""


@dataclass(frozen=True)
class Keys:
    """The keys of one part, sorted.

    first: number of its first document. size: number of records. read: returns those of start ... stop - 1.
    """

    first: int
    size: int
    read: Callable[[int, int], npt.NDArray[Any]]

    def slice(self, low: int, high: int) -> npt.NDArray[Any]:
        """Return the records whose keys are in [low, high], a copy: those that were read beside them are freed.

        Keys are hashes: their places follow from their values but for three standard errors, which are read too. If
        keys are distributed otherwise, all records are read.
        """
        margin = 8 + 2 * math.isqrt(self.size)
        start = max(0, self.size * low // (LAST + 1) - margin)
        stop = min(self.size, self.size * (high + 1) // (LAST + 1) + margin)
        records = self.read(start, stop)
        keys = np.ascontiguousarray(records["key"])
        if (start and (not keys.size or keys[0] >= low)) or (stop < self.size and (not keys.size or keys[-1] <= high)):
            records = self.read(0, self.size)
            keys = np.ascontiguousarray(records["key"])
        begin = np.searchsorted(keys, np.uint64(low))
        end = np.searchsorted(keys, np.uint64(high), "right")
        return records[begin:end].copy()


def wide_keys(halves: npt.NDArray[np.uint64]) -> npt.NDArray[np.void]:
    """Return the records of keys of 128 bits, uint64 (documents, 2), dtype WIDE, sorted by key, then by row."""
    order = _sorting(np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1]))
    records = np.empty(order.size, WIDE)
    records["key"], records["rest"], records["row"] = halves[order, 0], halves[order, 1], order
    return records


def narrow_keys(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.void]:
    """Return the records of the keys of all bands, uint64 (bands, documents): (bands, documents), dtype NARROW.

    Those of each band are sorted by key, then by row.
    """
    records = np.empty(keys.shape, NARROW)
    for band, values in enumerate(np.ascontiguousarray(keys)):
        order = _sorting(values, values)
        records["key"][band], records["row"][band] = values[order], order
    return records


def _sorting(keys: npt.NDArray[np.uint64], rests: npt.NDArray[np.uint64]) -> npt.NDArray[np.integer[Any]]:
    """Return the order of (keys, rests, row). Keys are hashes: they are divided by value, then sorted by insertion."""
    shift = max(0, 64 - int(keys.size).bit_length())
    order = np.empty(keys.size, np.int64)
    if _sort(keys, rests, np.uint64(shift), np.zeros((1 << 64 - shift) + 1, np.int64), order):
        return order
    return np.lexsort((rests, keys))


def ranges_of(documents: int, most: int) -> int:
    """Return the number of ranges of keys of so many documents, such that one has `most` / 2 records on average."""
    return max(1, -(-2 * documents // most))


def bounds_of(number: int, ranges: int, dtype: Any) -> tuple[int, int]:
    """Return the smallest and the largest key of a range."""
    low, high = (2**64 * end // ranges for end in (number, number + 1))
    return max(low, 1 if dtype == NARROW else 0), high - 1


def equal_pairs(parts: Sequence[Keys], low: int, high: int, most: int) -> Iterator[Pairs]:
    """Yield the pairs of documents with equal keys in [low, high]. At most `most` records are held at once.

    A range with more records is divided. The documents of a single key are read part by part.
    """
    if high < low:
        return
    slices: list[npt.NDArray[Any]] = []
    total = 0
    for part in parts:
        slices.append(part.slice(low, high))
        total += slices[-1].size
        if total > most:
            break
    else:
        yield _pairs_in([part.first for part in parts], slices, low, high)
        return
    del slices
    if low < high:
        middle = (low + high) // 2
        yield from equal_pairs(parts, low, middle, most)
        yield from equal_pairs(parts, middle + 1, high, most)
    else:
        yield from _pairs_of_one_key(parts, low)


def _pairs_in(firsts: Sequence[int], slices: list[npt.NDArray[Any]], low: int, high: int) -> Pairs:
    """Return the pairs of documents with equal keys among slices of parts. The list of slices is emptied."""
    sizes = [records.size for records in slices]
    documents = np.repeat(np.array(firsts, np.int64), sizes)
    keys = np.concatenate([np.empty(0, np.uint64), *(records["key"] for records in slices)])
    start = 0
    for records in slices:
        documents[start : start + records.size] += records["row"]
        start += records.size
    wide = bool(slices) and "rest" in (slices[0].dtype.names or ())
    rests = np.concatenate([records["rest"] for records in slices]) if wide else keys
    slices.clear()
    pairs = np.empty((documents.size, 2), np.int64)
    pairs = pairs[: _equal(keys, rests, documents, np.uint64(low), float(high - low + 1), pairs)]
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def _pairs_of_one_key(parts: Sequence[Keys], key: int) -> Iterator[Pairs]:
    """Yield the pairs of documents with one key, part by part; for each second half of a key of 128 bits."""
    rests: npt.NDArray[np.uint64] = np.zeros(1, np.uint64)
    for number, part in enumerate(parts):
        records = part.slice(key, key)
        if "rest" in (records.dtype.names or ()):
            rests = np.unique(records["rest"]) if number == 0 else np.union1d(rests, records["rest"])
    for rest in rests:
        first = -1
        for part in parts:
            records = part.slice(key, key)
            if "rest" in (records.dtype.names or ()):
                records = records[records["rest"] == rest]
            documents = records["row"] + np.int64(part.first)
            if documents.size and first < 0:
                first, documents = int(documents[0]), documents[1:]
            if documents.size:
                yield np.stack([np.full(documents.size, first), documents], axis=1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sort(keys: Any, rests: Any, shift: Any, ends: Any, order: Any) -> bool:
    """Write the order of (keys, rests, row) to `order`. Returns False if too many keys have the same first bits.

    shift: low bits of a key that do not number its bucket. ends: zeros, one for each bucket and one more.
    """
    for key in keys:
        ends[np.int64(key >> shift if shift < 64 else 0) + 1] += 1
    most = 0
    for number in range(1, ends.size):
        most = max(most, ends[number])
        ends[number] += ends[number - 1]
    if most > CROWDED:
        return False
    for row in range(keys.size):
        bucket = np.int64(keys[row] >> shift if shift < 64 else 0)
        order[ends[bucket]] = row
        ends[bucket] += 1
    for place in range(1, order.size):  # records are in the order of buckets, so that few places are passed
        row = order[place]
        before = place - 1
        while before >= 0 and (
            keys[order[before]] > keys[row] or (keys[order[before]] == keys[row] and rests[order[before]] > rests[row])
        ):
            order[before + 1] = order[before]
            before -= 1
        order[before + 1] = row
    return True


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _equal(keys: Any, rests: Any, documents: Any, low: Any, width: float, pairs: Any) -> int:
    """Write the pairs of documents with equal (keys, rests) to `pairs`; return their number.

    Keys are in [low, low + width). They are divided by value, such that the table of a bucket fits in a cache.
    """
    count = max(1, keys.size // BUCKET)
    ends = np.zeros(count + 1, np.int64)
    buckets = np.empty(keys.size, np.int32)
    for k in range(keys.size):
        buckets[k] = min(count - 1, np.int64(np.float64(keys[k] - low) / width * count))
        ends[buckets[k] + 1] += 1
    most = 0
    for bucket in range(1, count + 1):
        most = max(most, ends[bucket])
        ends[bucket] += ends[bucket - 1]
    order = np.empty(keys.size, np.int32)
    for k in range(keys.size):
        order[ends[buckets[k]]] = k
        ends[buckets[k]] += 1
    table = np.empty(4 * most + 2, np.int32)
    number = 0
    start = 0
    for bucket in range(count):
        stop = ends[bucket]
        size = 2
        while size < 2 * (stop - start):
            size *= 2
        table[:size] = -1
        for place in range(start, stop):
            k = order[place]
            slot = np.int64(mix(keys[k] ^ mix(rests[k])) >> np.uint64(33)) & (size - 1)
            while table[slot] >= 0 and (keys[table[slot]] != keys[k] or rests[table[slot]] != rests[k]):
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                table[slot] = k
            else:
                pairs[number, 0], pairs[number, 1] = documents[table[slot]], documents[k]
                number += 1
        start = stop
    return number
