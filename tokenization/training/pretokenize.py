r"""The pre-token pattern as a machine: where a text is cut, without a regular expression.

`pattern.pattern()` says where words end, for every engine; running it as a regular expression costs more than all
the rest of training. This is the same pattern by hand, over UTF-8, with the engine's own character classes, for
`count` alone. Tests hold it to the engine, piece by piece, on real text and on strings made to part them.

First a text falls into runs of one kind (letters and marks, digits, white space, signs), by a loop that takes the same
path whatever it reads: a processor that guesses wrong at every end of a word loses more than it computes. A piece is
then a run, with the one character before or the line ends after it that the pattern adds, or what is cut off a run.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenization.model import LETTER, MARK, NUMBER, SPACE, character_classes

_INSIDE, _WORD, _DIGITS, _WHITE, _SIGNS, _LONG = range(6)  # not a first byte; kinds; ask the large table
_RUNS = 512  # found at a time
_WINDOW = 1 << 14  # bytes that are looked through at a time, if that is enough to go on
_APOSTROPHE, _BLANK, _LF, _CR = 0x27, 0x20, 0x0A, 0x0D


@cache
def kind_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Kinds by two bytes of text (`first | second << 8`), and by code point."""
    given = character_classes()
    by_point = np.full(len(given), _SIGNS, np.uint8)
    for bits, kind in ((SPACE, _WHITE), (NUMBER, _DIGITS), (LETTER | MARK, _WORD)):
        by_point[given & bits > 0] = kind
    by_pair = np.full((256, 256), _LONG, np.uint8)
    by_pair[:, :0x80] = by_point[:0x80]  # ASCII, whatever follows
    by_pair[:, 0x80:0xC0] = _INSIDE
    for lead in range(0xC2, 0xE0):
        begin = (lead & 0x1F) << 6
        by_pair[0x80:0xC0, lead] = by_point[begin : begin + 64]
    return by_pair.reshape(-1), by_point


@njit(cache=True)
def split(data, ends, document, position, digits, by_pair, by_point, begins, lengths):  # type: ignore[no-untyped-def]
    """Cut texts that stand one after the other in `data`, text k up to `ends[k]`, from byte `at` of a document on. One
    byte must follow the last.

    Writes where pieces begin and how long they are, as many as there is room for or a little less. Returns the
    document and byte to go on from, and how many pieces there are.
    """
    stops, kinds = np.empty(_RUNS, np.int64), np.empty(_RUNS, np.uint8)
    pieces = 0
    while document < len(ends):
        end = ends[document]
        while position < end:
            if pieces + _RUNS > len(begins):
                return document, position, pieces
            runs = _runs(data, position, end, by_pair, by_point, stops, kinds)
            position, pieces = _pieces(data, position, end, digits, stops, kinds, runs, begins, lengths, pieces)
        document += 1
    return document, position, pieces


@njit(cache=True)
def _runs(data, position, end, by_pair, by_point, stops, kinds):  # type: ignore[no-untyped-def]
    """Where runs of one kind stop, from byte `at` to the end of the text, or as many as there is room for, or as a
    window holds: one at least, and what follows it. Returns how many there are.

    Digits may be cut off amid a run, which then is the last: a run of them gives many pieces, and to look for its end
    each time that there is no room for more would take forever.
    """
    runs = 0
    kind_before = by_pair[np.int64(data[position]) | np.int64(data[position + 1]) << 8]
    if kind_before == _LONG:
        kind_before = by_point[_point(data, position)]
    for index in range(position + 1, end):
        if index - position >= _WINDOW and (runs > 1 or kind_before == _DIGITS):
            if kind_before == _DIGITS:
                stops[runs], kinds[runs] = index, kind_before
                runs += 1
            return runs
        kind = by_pair[np.int64(data[index]) | np.int64(data[index + 1]) << 8]
        if kind == _LONG:
            kind = by_point[_point(data, index)]
        stops[runs], kinds[runs] = index, kind_before
        runs += kind != kind_before and kind != _INSIDE
        kind_before = kind_before if kind == _INSIDE else kind
        if runs == len(stops):
            return runs
    stops[runs], kinds[runs] = end, kind_before
    return runs + 1


@njit(cache=True)
def _point(data, position):  # type: ignore[no-untyped-def]
    """The code point of the three or four bytes at `at`."""
    first = np.int64(data[position])
    if first < 0xF0:
        return (first & 0x0F) << 12 | (np.int64(data[position + 1]) & 0x3F) << 6 | np.int64(data[position + 2]) & 0x3F
    point = (first & 0x07) << 18 | (np.int64(data[position + 1]) & 0x3F) << 12
    return point | (np.int64(data[position + 2]) & 0x3F) << 6 | np.int64(data[position + 3]) & 0x3F


@njit(cache=True)
def _pieces(data, position, end, digits, stops, kinds, runs, begins, lengths, pieces):  # type: ignore[no-untyped-def]
    """Pieces from byte `at`, where the first run begins, as long as the run that follows is known and there is room.
    Returns where they end, and how many there are."""
    run = 0
    whole = stops[runs - 1] == end
    while position < end and pieces < len(begins):
        while run < runs and stops[run] <= position:
            run += 1
        if run == runs:
            break
        kind, stop = kinds[run], stops[run]
        if run + 1 == runs and not whole and (kind != _DIGITS or position + 4 * digits > stop):
            break
        after, behind = (kinds[run + 1], stops[run + 1]) if run + 1 < runs else (_INSIDE, end)
        if kind == _WORD:
            to = stop
        elif kind == _DIGITS:
            to = position
            for _ in range(digits):
                to += _width(data[to]) if to < stop else 0
        elif kind == _SIGNS:
            to = _contraction(data, position, end) if data[position] == _APOSTROPHE else position
            if to == position and after == _WORD and position + _width(data[position]) == stop:
                to = behind
            elif to == position:
                to = _line_ends(data, stop, end)
        else:
            to = _white(data, position, stop, end)
            if to == position:  # one character, no line end, and something follows
                to = stop
                if after == _WORD:
                    to = behind
                elif after == _SIGNS and data[position] == _BLANK:
                    to = _line_ends(data, behind, end)
        begins[pieces], lengths[pieces] = position, to - position
        pieces += 1
        position = to
    return position, pieces


@njit(cache=True)
def _white(data, position, stop, end):  # type: ignore[no-untyped-def]
    """Where white space that stands from `at` to `stop` is cut: after its last line end; without one, before its last
    character (which is `at` itself if there is but one), or at the end of the text."""
    for last in range(stop - 1, position - 1, -1):
        if data[last] == _LF or data[last] == _CR:
            return last + 1
    if stop == end:
        return stop
    last = stop - 1
    while data[last] & 0xC0 == 0x80:
        last -= 1
    return last


@njit(cache=True)
def _line_ends(data, position, end):  # type: ignore[no-untyped-def]
    """Behind the line ends that stand at `at`."""
    while position < end and (data[position] == _LF or data[position] == _CR):
        position += 1
    return position


@njit(cache=True)
def _contraction(data, position, end):  # type: ignore[no-untyped-def]
    """Where `'s 't 're 've 'm 'll 'd`, in either case, ends that may begin at `at`; `at` if it is none."""
    if position + 1 >= end:
        return position
    second = data[position + 1] | 0x20
    if second == 0x73 or second == 0x74 or second == 0x6D or second == 0x64:
        return position + 2
    if position + 2 >= end:
        return position
    third = data[position + 2] | 0x20
    if ((second == 0x72 or second == 0x76) and third == 0x65) or (second == 0x6C and third == 0x6C):
        return position + 3
    if data[position + 1] == 0xC5 and data[position + 2] == 0xBF:  # U+017F, the long s, folds to s
        return position + 3
    return position


@njit(cache=True, inline="always")
def _width(first):  # type: ignore[no-untyped-def]
    """Bytes of the character that begins with this byte."""
    return 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
