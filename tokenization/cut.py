r"""The pre-token pattern as a machine: where a text is cut, found by looking at each character once.

`pattern.pattern()` says where words end, for every engine; running it as a regular expression costs more than all
the rest of training. This is the same pattern by hand, over UTF-8, with the engine's own character classes, for
`count` alone. Tests hold it to the engine, piece by piece, on real text and on strings made to part them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenization.classes import LETTER, MARK, NUMBER, SPACE, classes

LINE_END = 16  # \r and \n, which are SPACE too
_LONG = 128  # in the table of byte pairs: a character of three or four bytes, ask the large table
_WORD = LETTER | MARK
_KNOWN = LETTER | MARK | NUMBER | SPACE
_APOSTROPHE, _BLANK = 0x27, 0x20


@cache
def tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Classes by the first two bytes of a character (`first | second << 8`), and by code point."""
    by_point = classes().copy()
    by_point[[0x0A, 0x0D]] |= LINE_END
    by_pair = np.full((256, 256), _LONG, np.uint8)
    by_pair[:, :0x80] = by_point[:0x80]  # ASCII, whatever follows
    for lead in range(0xC2, 0xE0):
        begin = (lead & 0x1F) << 6
        by_pair[0x80:0xC0, lead] = by_point[begin : begin + 64]
    return by_pair.reshape(-1), by_point


@njit(cache=True, inline="always")
def _kind(data, at, by_pair, by_point):  # type: ignore[no-untyped-def]
    """Class and bytes of the character at `at`. One byte must follow the text."""
    first = np.int64(data[at])
    kind = np.int64(by_pair[first | np.int64(data[at + 1]) << 8])
    if kind != _LONG:
        return kind, 1 + (first >> 7)
    if first < 0xF0:
        point = (first & 0x0F) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | np.int64(data[at + 2]) & 0x3F
        return np.int64(by_point[point]), 3
    point = (first & 0x07) << 18 | (np.int64(data[at + 1]) & 0x3F) << 12
    point |= (np.int64(data[at + 2]) & 0x3F) << 6 | np.int64(data[at + 3]) & 0x3F
    return np.int64(by_point[point]), 4


@njit(cache=True, inline="always")
def _contraction(data, at, end):  # type: ignore[no-untyped-def]
    """Where `'s 't 're 've 'm 'll 'd`, in either case, ends that may begin at `at`; `at` if it is none."""
    if at + 1 >= end:
        return at
    second = data[at + 1] | 0x20
    if second == 0x73 or second == 0x74 or second == 0x6D or second == 0x64:
        return at + 2
    if at + 2 >= end:
        return at
    third = data[at + 2] | 0x20
    if ((second == 0x72 or second == 0x76) and third == 0x65) or (second == 0x6C and third == 0x6C):
        return at + 3
    if data[at + 1] == 0xC5 and data[at + 2] == 0xBF:  # U+017F, the long s, folds to s
        return at + 3
    return at


@njit(cache=True, inline="always")
def next_cut(data, at, end, digits, by_pair, by_point):  # type: ignore[no-untyped-def]
    """Where the piece that begins at `at` ends, in a text that ends at `end`, `at` < `end`."""
    kind, width = _kind(data, at, by_pair, by_point)
    if data[at] == _APOSTROPHE:
        cut = _contraction(data, at, end)
        if cut > at:
            return cut
    cut = at + width
    if kind & NUMBER:
        taken = 1
        while taken < digits and cut < end:
            kind, width = _kind(data, cut, by_pair, by_point)
            if not kind & NUMBER:
                break
            cut += width
            taken += 1
        return cut
    word, sign = kind & _WORD != 0, kind & _KNOWN == 0
    if not word and cut < end:
        follows, width = _kind(data, cut, by_pair, by_point)
        if follows & _WORD and not kind & LINE_END:
            word = True
            cut += width
        elif data[at] == _BLANK and follows & _KNOWN == 0:
            sign = True
            cut += width
    if word:
        while cut < end:
            kind, width = _kind(data, cut, by_pair, by_point)
            if not kind & _WORD:
                break
            cut += width
        return cut
    if sign:
        while cut < end:
            kind, width = _kind(data, cut, by_pair, by_point)
            if kind & _KNOWN:
                break
            cut += width
        while cut < end and (data[cut] == 0x0A or data[cut] == 0x0D):
            cut += 1
        return cut
    # White space: up to its last line end; without one, up to the last character if something follows.
    line_end, last, cut = -1, at, at
    while cut < end:
        kind, width = _kind(data, cut, by_pair, by_point)
        if not kind & SPACE:
            break
        last = cut
        cut += width
        if kind & LINE_END:
            line_end = cut
    if line_end >= 0:
        return line_end
    return last if cut < end and last > at else cut
