"""Everything that the rules of quality ask of a text, counted in one pass: its lines, its words, what it repeats.

What is counted, and how, is what datatrove's GopherRepetition, FineWebQuality and GopherQuality filters count
(pipeline/filters/*.py, 0.10.1), with the words of `corpora.quality.arabic_words`. Two strings are taken for the same
if their 64-bit polynomial hashes are.

Lengths are in code points. A text is read in blocks of about a million characters that end with a line, so that a long
one needs little more than 30 bytes a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.quality.arabic_words import code_points, split_words
from corpora.quality.arabic_words_tables import (
    BASE,
    BREAK,
    LETTER,
    SPACE,
    SYMBOL,
    TERMINAL,
    lookup,
    spread,
    string_table,
    tables,
)

BLOCK = 1 << 20
"""Characters read at once; more only if a line has more."""


class Statistics(NamedTuple):
    """Counts of one text.

    A *piece* is what is between line feeds: a line that is not empty, or the nothing before a first or after a last
    line feed. A *line* is a piece that is not blank. A *symbol* is a word of nothing but datatrove's PUNCTUATION_SET.
    """

    chars: int
    newlines: int  # line feeds
    pieces: int
    repeated_pieces: int  # that came before
    lines: int
    terminal_lines: int  # that end with terminal punctuation
    repeated_line_chars: int  # in lines that came before
    rows: int  # as `str.splitlines` cuts
    bullet_rows: int  # that begin with - or •
    ellipsis_rows: int  # that end with ... or …
    hashes: int  # characters #
    ellipses: int  # ... and …
    words: int
    no_symbols: int  # words that are no symbols
    no_symbol_chars: int
    letter_words: int  # words with a letter
    stop_words: int  # different ones of the list given
    top: tuple[int, ...]  # for n = 2, 3, 4: characters of the most frequent n-gram, spaces included, times its count
    repeated: tuple[int, ...]  # for n = 5 to 10: characters in n-grams that came before, none counted twice


class Meter:
    """Counts texts, one after the other."""

    def __init__(self) -> None:
        self._spans = np.empty((2, BLOCK + 1, 2), np.int32)
        self._words, self._lines = _Strings(BLOCK), _Strings(BLOCK)

    def __call__(self, text: str, stop_words: tuple[str, ...] = ()) -> Statistics:
        """The counts of a text; of the stop words, at most 63, how many different ones it has."""
        stops = _stop_table(stop_words)
        counts = np.zeros(_COUNTS, np.int64)
        kept = len(text) <= BLOCK  # room for a longer text is not kept
        words = self._words if kept else _Strings(len(text))
        lines = self._lines if kept else _Strings(len(text))
        for block in _blocks(text):
            codes = code_points(block)
            spans = self._spans if len(codes) <= BLOCK else np.empty((2, len(codes) + 1, 2), np.int32)
            _read_words(codes, tables(), stops, spans, words.hashes, words.lengths, counts)
            _read_lines(codes, tables().classes, lines.hashes, lines.lengths, counts)
        _find_repeated_lines(lines.hashes, lines.lengths, counts)
        _find_repeated_words(words.hashes, words.lengths, counts)
        found = counts.tolist()
        # re.split("\n+") gives an empty string where the text begins or ends with line feeds
        ends = text.startswith("\n") + text.endswith("\n")
        return Statistics(
            chars=len(text),
            newlines=found[_NEWLINES],
            pieces=found[_PIECES] + ends if text else 1,
            repeated_pieces=found[_REPEATED_PIECES] + (ends == 2),
            lines=found[_LINES],
            terminal_lines=found[_TERMINAL_LINES],
            repeated_line_chars=found[_REPEATED_LINE_CHARS],
            rows=found[_ROWS],
            bullet_rows=found[_BULLET_ROWS],
            ellipsis_rows=found[_ELLIPSIS_ROWS],
            hashes=found[_HASHES],
            ellipses=found[_ELLIPSES],
            words=found[_WORDS],
            no_symbols=found[_NO_SYMBOLS],
            no_symbol_chars=found[_NO_SYMBOL_CHARS],
            letter_words=found[_LETTER_WORDS],
            stop_words=found[_STOP_WORDS].bit_count(),
            top=tuple(found[_TOP : _TOP + 3]),
            repeated=tuple(found[_REPEATED : _REPEATED + 6]),
        )


(
    _NEWLINES, _PIECES, _REPEATED_PIECES, _LINES, _TERMINAL_LINES, _REPEATED_LINE_CHARS, _ROWS, _BULLET_ROWS,
    _ELLIPSIS_ROWS, _HASHES, _ELLIPSES, _WORDS, _NO_SYMBOLS, _NO_SYMBOL_CHARS, _LETTER_WORDS, _STOP_WORDS,
) = range(16)  # fmt: skip
_TOP, _REPEATED, _COUNTS = 16, 19, 25

_LINE_FEED, _RETURN, _DOT, _ELLIPSIS, _HASH, _BULLET, _MINUS = 0x0A, 0x0D, 0x2E, 0x2026, 0x23, 0x2022, 0x2D


@cache
def _stop_table(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """Each word with a bit of its own."""
    return string_table({word: 1 << bit for bit, word in enumerate(words)})


class _Strings:
    """Room for the hashes and lengths of strings that have at most `chars` characters together."""

    def __init__(self, chars: int) -> None:
        self.hashes: npt.NDArray[np.uint64] = np.empty(chars + 1, np.uint64)
        self.lengths: npt.NDArray[np.int32] = np.empty(chars + 1, np.int32)


def _blocks(text: str) -> Iterator[str]:
    """A text in blocks that end with a line feed, if it is long."""
    start = 0
    while len(text) - start > BLOCK:
        end = text.rfind("\n", start, start + BLOCK)
        end = text.find("\n", start + BLOCK) if end < 0 else end
        if end < 0:
            break
        yield text[start : end + 1]
        start = end + 1
    if start < len(text):
        yield text[start:]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _read_words(text: Any, facts: Any, stops: Any, spans: Any, hashes: Any, lengths: Any, counts: Any) -> None:
    """Append the words of a block to `hashes` and `lengths`, and count what concerns each by itself."""
    found = split_words(text, facts, spans[0], spans[1])
    base = counts[_WORDS]
    no_symbols = no_symbol_chars = letter_words = stop_words = 0
    for word in range(found):
        start, stop = spans[1, word, 0], spans[1, word, 1]
        value = np.uint64(0)
        every, some = np.uint32(0xFFFFFFFF), np.uint32(0)
        for place in range(start, stop):
            char = text[place]
            value = value * np.uint64(BASE) + np.uint64(char) + np.uint64(1)
            char_class = facts.classes[char]
            every &= char_class
            some |= char_class
        hashes[base + word], lengths[base + word] = value, stop - start
        if not every & SYMBOL:
            no_symbols += 1
            no_symbol_chars += stop - start
        if some & LETTER:
            letter_words += 1
        stop_words |= lookup(stops, value)
    counts[_WORDS] += found
    counts[_NO_SYMBOLS] += no_symbols
    counts[_NO_SYMBOL_CHARS] += no_symbol_chars
    counts[_LETTER_WORDS] += letter_words
    counts[_STOP_WORDS] |= stop_words


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _read_lines(text: Any, classes: Any, hashes: Any, lengths: Any, counts: Any) -> None:
    """Append the pieces of a block to `hashes` and `lengths` (negative if blank), and count what concerns each."""
    value, start, blank, dots = np.uint64(0), 0, True, 0
    row, first, last = 0, -1, -1  # begin of a row, and its first and last character that is no white space
    for place in range(text.size + 1):
        over = place == text.size
        char = np.uint32(_LINE_FEED) if over else text[place]
        char_class = classes[char]
        if char == _DOT:
            dots += 1
        elif dots:
            counts[_ELLIPSES] += dots // 3
            dots = 0
        if char_class & BREAK:
            if not over or row < place:
                counts[_ROWS] += 1
                if first >= 0:
                    counts[_BULLET_ROWS] += text[first] == _BULLET or text[first] == _MINUS
                    three = last - first >= 2 and text[last - 1] == _DOT and text[last - 2] == _DOT
                    counts[_ELLIPSIS_ROWS] += text[last] == _ELLIPSIS or (text[last] == _DOT and three)
            if char == _LINE_FEED and place and text[place - 1] == _RETURN and row == place:
                counts[_ROWS] -= not over  # CR LF ended a row at CR
            row, first, last = place + 1, -1, -1
        if char == _LINE_FEED:
            counts[_NEWLINES] += not over
            if place > start:
                piece = counts[_PIECES]
                hashes[piece], lengths[piece] = value, start - place if blank else place - start
                counts[_PIECES] += 1
                if not blank:
                    counts[_LINES] += 1
                    counts[_TERMINAL_LINES] += (classes[text[place - 1]] & TERMINAL) != 0
            value, start, blank = np.uint64(0), place + 1, True
            continue
        value = value * np.uint64(BASE) + np.uint64(char) + np.uint64(1)
        if not char_class & SPACE:
            blank = False
            first = place if first < 0 else first
            last = place
            counts[_HASHES] += char == _HASH
            counts[_ELLIPSES] += char == _ELLIPSIS


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(slots: Any, hashes: Any, number: int) -> Any:
    """The first number entered with the same hash as `number`, which is entered if there is none; the table `slots`
    holds numbers plus one."""
    value = hashes[number]
    slot: Any = np.int64((spread(value) >> np.uint64(32)) * np.uint64(slots.size) >> np.uint64(32))
    while slots[slot]:
        if hashes[slots[slot] - 1] == value:
            return slots[slot] - 1
        slot += 1
        if slot == slots.size:
            slot = 0
    slots[slot] = number + 1
    return number


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find_repeated_lines(hashes: Any, lengths: Any, counts: Any) -> None:
    pieces = counts[_PIECES]
    slots = np.zeros(pieces + pieces // 2 + 8, np.int32)
    for piece in range(pieces):
        if _find(slots, hashes, piece) != piece:
            counts[_REPEATED_PIECES] += 1
            if lengths[piece] > 0:
                counts[_REPEATED_LINE_CHARS] += lengths[piece]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find_repeated_words(hashes: Any, lengths: Any, counts: Any) -> None:
    """Count repeated n-grams: with a space between words for n = 2 to 4, with none for 5 to 10."""
    words = counts[_WORDS]
    if words < 2:
        return
    powers = np.empty(64, np.uint64)  # of the base, for short words
    powers[0] = 1
    for power in range(1, powers.size):
        powers[power] = powers[power - 1] * np.uint64(BASE)
    slots = np.empty(words + words // 2 + 8, np.int32)
    often = np.empty(words, np.int32)
    grams = hashes[:words].copy()
    for n in range(2, 5):
        if not _lengthen(grams, hashes, lengths, powers, n, words, True):
            break
        slots[:] = 0
        often[:] = 0
        best, best_at = 0, 0
        for place in range(words - n + 1):
            often[_find(slots, grams, place)] += 1
        for place in range(words - n + 1):
            if often[place] > best:
                best, best_at = often[place], place
        counts[_TOP + n - 2] = best * (lengths[best_at : best_at + n].sum() + n - 1)
    grams[:] = hashes[:words]
    for n in range(2, 11):
        if not _lengthen(grams, hashes, lengths, powers, n, words, False):
            break
        if n < 5:
            continue
        slots[:] = 0
        place = 0
        while place < words - n + 1:
            if _find(slots, grams, place) == place:
                place += 1
            else:
                counts[_REPEATED + n - 5] += lengths[place : place + n].sum()
                place += n


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lengthen(grams: Any, hashes: Any, lengths: Any, powers: Any, n: int, words: int, spaced: bool) -> Any:
    """Make n-grams of (n-1)-grams, in place; False if there are not n words."""
    for place in range(words - n + 1):
        length = lengths[place + n - 1]
        value = grams[place]
        if spaced:
            value = value * np.uint64(BASE) + np.uint64(0x21)  # the space, plus one
        if length < powers.size:
            value *= powers[length]
        else:
            for _ in range(length // 63):
                value *= powers[63]
            value *= powers[length % 63]
        grams[place] = value + hashes[place + n - 1]
    return words >= n
