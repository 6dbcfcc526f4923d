"""The pre-token pattern as a hand-written state machine over UTF-8.

Running `pretoken_pattern()` as a regular expression takes longer than all other steps of training. This module
implements the same pattern with the engine's own character classes, for counting alone. Tests compare it with the
engine, piece by piece, on real text and on adversarial strings.

A text is first divided into runs of one kind (letters and marks, digits, white space, signs) by a loop without
data-dependent branches: a branch misprediction at the end of every word costs more than the computation. A piece is
then a run with the character before it or the line ends after it that the pattern adds, or a part of a run.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenization.model import LETTER, MARK, NUMBER, SPACE, character_classes

_INSIDE, _WORD, _DIGITS, _WHITE, _SIGNS, _LONG = range(6)  # continuation byte; four kinds; use the table by code point
_RUNS = 512  # runs at a time
_WINDOW = 1 << 14  # bytes that are read at a time, if they contain enough runs
_APOSTROPHE, _BLANK, _LF, _CR = 0x27, 0x20, 0x0A, 0x0D


@cache
def kind_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the kinds of characters by two bytes of text (`first | second << 8`), and by code point."""
    classes = character_classes()
    by_point = np.full(len(classes), _SIGNS, np.uint8)
    for bits, kind in ((SPACE, _WHITE), (NUMBER, _DIGITS), (LETTER | MARK, _WORD)):
        by_point[classes & bits > 0] = kind
    by_pair = np.full((256, 256), _LONG, np.uint8)
    by_pair[:, :0x80] = by_point[:0x80]  # ASCII, with any following byte
    by_pair[:, 0x80:0xC0] = _INSIDE
    for lead in range(0xC2, 0xE0):
        begin = (lead & 0x1F) << 6
        by_pair[0x80:0xC0, lead] = by_point[begin : begin + 64]
    return by_pair.reshape(-1), by_point


@njit(cache=True)
def split(data, ends, document, position, digits, by_pair, by_point, begins, lengths):  # type: ignore[no-untyped-def]
    """Split texts that are concatenated in `data`, from byte `position` of a document on.

    `ends[k]` is the end of text k; one byte must follow the last text. Writes the begins and lengths of pieces, as
    many as the arrays can contain or slightly fewer. Returns the document and byte to continue from, and the number of
    pieces.
    """
    stops, kinds = np.empty(_RUNS, np.int64), np.empty(_RUNS, np.uint8)
    pieces = np.int64(0)  # not a constant, for which `_pieces` would be compiled once more
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
    """Write the ends of runs of one kind, from byte `position` on. Returns their number.

    Stops at the end of the text, when the arrays are full, or after a window, but never before one run and its
    successor are found. A run of digits can be divided at the end of the window: it consists of many pieces, and
    searching for its end after each block would take quadratic time.
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
    """Return the code point of the three or four bytes at `position`."""
    first = np.int64(data[position])
    if first < 0xF0:
        return (first & 0x0F) << 12 | (np.int64(data[position + 1]) & 0x3F) << 6 | np.int64(data[position + 2]) & 0x3F
    point = (first & 0x07) << 18 | (np.int64(data[position + 1]) & 0x3F) << 12
    return point | (np.int64(data[position + 2]) & 0x3F) << 6 | np.int64(data[position + 3]) & 0x3F


@njit(cache=True)
def _pieces(data, position, end, digits, stops, kinds, runs, begins, lengths, pieces):  # type: ignore[no-untyped-def]
    """Write the pieces from byte `position` on, where the first run begins. Returns their end and their number.

    Stops when the following run is unknown or the arrays are full.
    """
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
            if to == position:  # one character that is not a line end, before other text
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
    """Return the end of a piece of white space that extends from `position` to `stop`.

    It ends after its last line end. Without one, it ends before its last character (`position` itself for a single
    character), or at the end of the text.
    """
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
    """Return the position after the line ends at `position`."""
    while position < end and (data[position] == _LF or data[position] == _CR):
        position += 1
    return position


@njit(cache=True)
def _contraction(data, position, end):  # type: ignore[no-untyped-def]
    """Return the end of `'s 't 're 've 'm 'll 'd` (in either case) at `position`, or `position` if there is none."""
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
    if data[position + 1] == 0xC5 and data[position + 2] == 0xBF:  # U+017F, the long s, is equal to s without case
        return position + 3
    return position


@njit(cache=True, inline="always")
def _width(first):  # type: ignore[no-untyped-def]
    """Return the number of bytes of the character that begins with this byte."""
    return 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
