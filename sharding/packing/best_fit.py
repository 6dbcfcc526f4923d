"""Packing of documents into rows of exactly L tokens, with few documents split over rows.

`best-fit` is best-fit-decreasing (Johnson 1974; for documents: Ding et al. 2024, arXiv:2404.10830). A document longer
than a row gives whole rows; the remainders are placed longest first, each in the bin with the least sufficient space.
The result is exact, but the time is not quadratic, because bins of equal free space are interchangeable: there are at
most L classes of bins, a bitmap finds the tightest one, and all pieces of one length are placed together (based on
Hamada's histogram, as in the packers of TRL and OLMo-core, which walk a tree for each document). About 0.01 % of the
space remains free. `fill: exact` removes this as well: the emptiest bins are dissolved and their pieces fill the free
space of the others, so that every row is full and less than a row remains, which is carried into the next window.

`concat` joins documents end to end and splits them at the ends of rows. It is the cheapest policy, and it splits a
third of the documents that would fit a row.

All functions are pure functions of lengths, compiled with numba, on one core; measured in `benchmarks/`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Int = npt.NDArray[np.int64]


class Packed(NamedTuple):
    """Pieces of items in row order. A piece with `position` 0 begins a row. Every row is full.

    item: index of the item in the packed lengths; offset: first token in the item; position: first token in the row;
    length: number of tokens; all of shape (pieces,). The last `carried` pieces, together less than a row, belong to no
    row.
    """

    item: npt.NDArray[np.int32]
    offset: npt.NDArray[np.uint32]
    position: npt.NDArray[np.uint16]
    length: npt.NDArray[np.uint16]
    carried: int


def pack_rows(lengths: Int, row_tokens: int, policy: str = "best-fit") -> Packed:
    """Pack items into full rows; less than a row remains.

    lengths: tokens of each item, int64, (n,), each >= 1, n < 2**31; row_tokens: 2 .. 65,535; policy: `best-fit` or
    `concat`.
    """
    kernel = _best_fit if policy == "best-fit" else _concat
    return Packed(*kernel(lengths, row_tokens))


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _concat(lengths: Int, row_tokens: int) -> Any:
    total = lengths.sum()
    most = len(lengths) + total // row_tokens + 1
    item = np.empty(most, np.int32)
    offset = np.empty(most, np.uint32)
    position = np.empty(most, np.uint16)
    length = np.empty(most, np.uint16)
    rows_end = total - total % row_tokens
    used = 0
    done_total = 0
    carried = 0
    for i in range(len(lengths)):
        done = 0
        while done < lengths[i]:
            place = done_total % row_tokens
            take = min(lengths[i] - done, row_tokens - place)
            item[used], offset[used], position[used], length[used] = i, done, place, take
            carried += done_total >= rows_end
            used += 1
            done += take
            done_total += take
    return item[:used], offset[:used], position[:used], length[:used], carried


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _lowest_bit(word: np.uint64) -> int:
    """Return the index of the lowest set bit of a word that is not 0."""
    index = 0
    for shift in (32, 16, 8, 4, 2, 1):
        if word & ((np.uint64(1) << np.uint64(shift)) - np.uint64(1)) == 0:
            word >>= np.uint64(shift)
            index += shift
    return index


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _assign(rests: Any, row_tokens: int) -> Any:
    """Assign lengths 0 .. row_tokens - 1 to bins by best-fit-decreasing. A length of 0 is not assigned.

    Returns three arrays: the items, longest first and ties in order; the bin of each; the free space of each bin.
    """
    count = np.zeros(row_tokens + 1, np.int64)
    for rest in rests:
        count[rest] += 1
    n = len(rests) - count[0]
    start = np.zeros(row_tokens + 1, np.int64)
    for size in range(row_tokens - 1, 0, -1):
        start[size - 1] = start[size] + count[size]
    order = np.empty(n, np.int32)
    for i in range(len(rests)):
        size = rests[i]
        if size:
            order[start[size]] = i
            start[size] += 1
    bin_of = np.empty(n, np.int32)
    space = np.empty(n, np.int32)
    # Bins of equal free space form a queue; `waiting` has a bit for each space whose queue is not empty.
    first = np.full(row_tokens + 1, -1, np.int32)
    last = np.full(row_tokens + 1, -1, np.int32)
    next_bin = np.empty(n, np.int32)
    words = (row_tokens >> 6) + 1
    waiting = np.zeros(words, np.uint64)
    bit = np.uint64(1)
    bins = 0
    placed = 0
    for size in range(row_tokens - 1, 0, -1):
        remaining = count[size]
        while remaining > 0:
            word = size >> 6
            bits = waiting[word] >> np.uint64(size & 63) << np.uint64(size & 63)
            while bits == 0 and word + 1 < words:
                word += 1
                bits = waiting[word]
            if bits != 0:
                free = (word << 6) + _lowest_bit(bits)
                chosen = first[free]
                first[free] = next_bin[chosen]
                if first[free] < 0:
                    waiting[free >> 6] &= ~(bit << np.uint64(free & 63))
            else:
                free = row_tokens
                chosen = bins
                bins += 1
            # The tightest bin remains the tightest while this size fits it: fill it in one step.
            take = min(remaining, free // size)
            for k in range(placed, placed + take):
                bin_of[k] = chosen
            placed += take
            remaining -= take
            free -= take * size
            space[chosen] = free
            if free:
                next_bin[chosen] = -1
                if first[free] < 0:
                    first[free] = chosen
                    waiting[free >> 6] |= bit << np.uint64(free & 63)
                else:
                    next_bin[last[free]] = chosen
                last[free] = chosen
    return order, bin_of, space[:bins]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _dissolved(space: Any, surplus: int, row_tokens: int) -> Any:
    """Return a bool array that marks the `surplus` emptiest bins; among equally empty bins the later ones."""
    count = np.zeros(row_tokens + 1, np.int64)
    for free in space:
        count[free] += 1
    threshold = row_tokens
    above = 0
    while surplus and above + count[threshold] < surplus:
        above += count[threshold]
        threshold -= 1
    ties = surplus - above
    marked = np.zeros(len(space), np.bool_)
    if surplus:
        for b in range(len(space) - 1, -1, -1):
            if space[b] > threshold:
                marked[b] = True
            elif space[b] == threshold and ties > 0:
                marked[b] = True
                ties -= 1
    return marked


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _best_fit(lengths: Int, row_tokens: int) -> Any:
    n = len(lengths)
    rests = np.empty(n, np.int32)
    whole = 0
    total = 0
    for i in range(n):
        whole += lengths[i] // row_tokens
        rests[i] = lengths[i] % row_tokens
        total += rests[i]
    order, bin_of, space = _assign(rests, row_tokens)
    bins = len(space)
    rows = total // row_tokens
    dissolved = _dissolved(space, bins - rows, row_tokens)

    # Number of pieces in each bin, and upper bound of pieces in all rows: filling free space may split a piece.
    pieces = np.zeros(bins, np.int32)
    for b in bin_of:
        pieces[b] += 1
    holes = 0
    loose = 0  # pieces of dissolved bins
    for b in range(bins):
        if dissolved[b]:
            loose += pieces[b]
        elif space[b]:
            holes += 1
    most = whole + len(order) + holes + 1
    item = np.empty(most, np.int32)
    offset = np.empty(most, np.uint32)
    position = np.empty(most, np.uint16)
    length = np.empty(most, np.uint16)

    used = 0
    for i in range(n):
        for k in range(lengths[i] // row_tokens):
            item[used], offset[used], position[used], length[used] = i, k * row_tokens, 0, row_tokens
            used += 1

    # `plugs`: pieces of dissolved bins, largest first; `grouped`: pieces of the other bins, grouped by bin.
    begin = np.empty(bins + 1, np.int64)
    begin[0] = 0
    for b in range(bins):
        begin[b + 1] = begin[b] + (0 if dissolved[b] else pieces[b])
    next_index = begin[:-1].copy()
    grouped = np.empty(begin[bins], np.int32)
    plugs = np.empty(loose, np.int32)
    plug_count = 0
    for k in range(len(order)):
        b = bin_of[k]
        if dissolved[b]:
            plugs[plug_count] = order[k]
            plug_count += 1
        else:
            grouped[next_index[b]] = order[k]
            next_index[b] += 1

    plug = 0
    plug_done = 0  # tokens of the current plug already used
    for b in range(bins):
        if dissolved[b]:
            continue
        place = 0
        for k in range(begin[b], begin[b + 1]):
            i = grouped[k]
            item[used], offset[used] = i, lengths[i] - rests[i]
            position[used], length[used] = place, rests[i]
            used += 1
            place += rests[i]
        while place < row_tokens:
            i = plugs[plug]
            take = min(rests[i] - plug_done, row_tokens - place)
            item[used], offset[used] = i, lengths[i] - rests[i] + plug_done
            position[used], length[used] = place, take
            used += 1
            place += take
            plug_done += take
            if plug_done == rests[i]:
                plug += 1
                plug_done = 0
    carried = 0
    while plug < plug_count:
        i = plugs[plug]
        item[used], offset[used] = i, lengths[i] - rests[i] + plug_done
        position[used], length[used] = 0, rests[i] - plug_done
        used += 1
        carried += 1
        plug += 1
        plug_done = 0
    return item[:used], offset[:used], position[:used], length[:used], carried
