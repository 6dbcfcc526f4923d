"""Counts of a text for the quality rules, in one pass: lines, words, and repeated passages.

The counts are those of datatrove's GopherRepetition, FineWebQuality and GopherQuality filters (pipeline/filters/*.py,
0.10.1), with the words of `corpora.quality.arabic_words`. Two strings count as equal if their 64-bit polynomial hashes
are equal.

Lengths are in code points. A long text is read in blocks of about a million characters that end with a line, and needs
little more than 30 bytes for each word.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from corpora.compiled import compiled
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
"""Largest number of characters in a block, unless one line is longer."""


class Statistics(NamedTuple):
    """Counts of one text.

    A *piece* is the text between runs of line feeds; it is empty only before a line feed at the start of the text and
    after one at the end. A *line* is a piece that is not blank. A *symbol* is a word with only characters of
    datatrove's PUNCTUATION_SET. "Repeated" means equal to an earlier one in the same text.
    """

    chars: int
    newlines: int  # line feeds
    pieces: int
    repeated_pieces: int
    lines: int
    terminal_lines: int  # lines that end with terminal punctuation
    repeated_line_chars: int  # characters in repeated lines
    rows: int  # items of `str.splitlines`
    bullet_rows: int  # rows that begin with - or •
    ellipsis_rows: int  # rows that end with ... or …
    hashes: int  # characters #
    ellipses: int  # ... and …
    words: int
    no_symbols: int  # words that are not symbols
    no_symbol_chars: int  # characters in them
    letter_words: int  # words with a letter
    stop_words: int  # different stop words that occur
    top: tuple[int, ...]  # for n = 2, 3, 4: characters of the most frequent n-gram, with spaces, times its count
    top_counts: tuple[int, ...]  # its count
    repeated: tuple[int, ...]  # for n = 5 to 10: characters in repeated n-grams, none counted twice


class Meter:
    """Computes the statistics of texts, one after another. Reuses its buffers; not for several threads."""

    def __init__(self) -> None:
        self._spans = np.empty((2, BLOCK + 1, 2), np.int32)
        self._words, self._lines = _Strings(BLOCK), _Strings(BLOCK)

    def __call__(self, text: str, stop_words: tuple[str, ...] = ()) -> Statistics:
        """Return the statistics of a text. `stop_words`: at most 63 words."""
        stops = _stop_table(stop_words)
        counts = np.zeros(_COUNTS, np.int64)
        fits = len(text) <= BLOCK  # buffers for a longer text are not kept
        words = self._words if fits else _Strings(len(text))
        lines = self._lines if fits else _Strings(len(text))
        for block in _blocks(text):
            codes = code_points(block)
            spans = self._spans if len(codes) <= BLOCK else np.empty((2, len(codes) + 1, 2), np.int32)
            _read_words(codes, tables(), stops, spans, words.hashes, words.lengths, counts)
            _read_lines(codes, tables().classes, lines.hashes, lines.lengths, counts)
        _find_repeated_lines(lines.hashes, lines.lengths, counts)
        _find_repeated_words(words.hashes, words.lengths, counts)
        values = counts.tolist()
        # re.split("\n+") returns an empty string if the text begins or ends with line feeds
        ends = text.startswith("\n") + text.endswith("\n")
        return Statistics(
            chars=len(text),
            newlines=values[_NEWLINES],
            pieces=values[_PIECES] + ends if text else 1,
            repeated_pieces=values[_REPEATED_PIECES] + (ends == 2),
            lines=values[_LINES],
            terminal_lines=values[_TERMINAL_LINES],
            repeated_line_chars=values[_REPEATED_LINE_CHARS],
            rows=values[_ROWS],
            bullet_rows=values[_BULLET_ROWS],
            ellipsis_rows=values[_ELLIPSIS_ROWS],
            hashes=values[_HASHES],
            ellipses=values[_ELLIPSES],
            words=values[_WORDS],
            no_symbols=values[_NO_SYMBOLS],
            no_symbol_chars=values[_NO_SYMBOL_CHARS],
            letter_words=values[_LETTER_WORDS],
            stop_words=values[_STOP_WORDS].bit_count(),
            top=tuple(values[_TOP : _TOP + 3]),
            top_counts=tuple(values[_TOP_COUNTS : _TOP_COUNTS + 3]),
            repeated=tuple(values[_REPEATED : _REPEATED + 6]),
        )


(
    _NEWLINES, _PIECES, _REPEATED_PIECES, _LINES, _TERMINAL_LINES, _REPEATED_LINE_CHARS, _ROWS, _BULLET_ROWS,
    _ELLIPSIS_ROWS, _HASHES, _ELLIPSES, _WORDS, _NO_SYMBOLS, _NO_SYMBOL_CHARS, _LETTER_WORDS, _STOP_WORDS,
) = range(16)  # fmt: skip
_TOP, _TOP_COUNTS, _REPEATED, _COUNTS = 16, 19, 22, 28

_LINE_FEED, _RETURN, _DOT, _ELLIPSIS, _HASH, _BULLET, _MINUS = 0x0A, 0x0D, 0x2E, 0x2026, 0x23, 0x2022, 0x2D


@cache
def _stop_table(words: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """Return a hash table that gives each word a bit of its own."""
    return string_table({word: 1 << bit for bit, word in enumerate(words)})


class _Strings:
    """Buffers for the hashes and lengths of strings with at most `chars` characters in total."""

    def __init__(self, chars: int) -> None:
        self.hashes: npt.NDArray[np.uint64] = np.empty(chars + 1, np.uint64)
        self.lengths: npt.NDArray[np.int32] = np.empty(chars + 1, np.int32)


def _blocks(text: str) -> Iterator[str]:
    """Split a text longer than BLOCK into blocks that end with a line feed."""
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


@compiled()
def _read_words(text: Any, facts: Any, stops: Any, spans: Any, hashes: Any, lengths: Any, counts: Any) -> None:
    """Append the words of a block to `hashes` and `lengths`; add the counts of single words to `counts`."""
    block_words = split_words(text, facts, spans[0], spans[1])
    base = counts[_WORDS]
    no_symbols = no_symbol_chars = letter_words = stop_words = 0
    for word in range(block_words):
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
    counts[_WORDS] += block_words
    counts[_NO_SYMBOLS] += no_symbols
    counts[_NO_SYMBOL_CHARS] += no_symbol_chars
    counts[_LETTER_WORDS] += letter_words
    counts[_STOP_WORDS] |= stop_words


@compiled()
def _read_lines(text: Any, classes: Any, hashes: Any, lengths: Any, counts: Any) -> None:
    """Append the pieces of a block to `hashes` and `lengths` (negative if blank); add the counts of single lines and
    rows to `counts`."""
    value, start, blank, dots = np.uint64(0), 0, True, 0
    row, first, last = 0, -1, -1  # start of the row, and its first and last character that is not white space
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


@compiled()
def _find(slots: Any, hashes: Any, number: int) -> Any:
    """Return the first entry with the same hash as entry `number`; add `number` if there is none.

    slots: hash table of entry numbers plus one; 0 marks an empty slot. hashes: hash of each entry.
    """
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


@compiled()
def _find_repeated_lines(hashes: Any, lengths: Any, counts: Any) -> None:
    """Count repeated pieces, and the characters of repeated lines."""
    pieces = counts[_PIECES]
    slots = np.zeros(pieces + pieces // 2 + 8, np.int32)
    for piece in range(pieces):
        if _find(slots, hashes, piece) != piece:
            counts[_REPEATED_PIECES] += 1
            if lengths[piece] > 0:
                counts[_REPEATED_LINE_CHARS] += lengths[piece]


@compiled()
def _find_repeated_words(hashes: Any, lengths: Any, counts: Any) -> None:
    """Count repeated n-grams. Words are joined with a space for n = 2 to 4, without a space for n = 5 to 10."""
    words = counts[_WORDS]
    if words < 2:
        return
    powers = np.empty(64, np.uint64)  # powers of the base, for words of up to 63 characters
    powers[0] = 1
    for power in range(1, powers.size):
        powers[power] = powers[power - 1] * np.uint64(BASE)
    slots = np.empty(words + words // 2 + 8, np.int32)
    occurrences = np.empty(words, np.int32)
    grams = hashes[:words].copy()
    for n in range(2, 5):
        if not _lengthen(grams, hashes, lengths, powers, n, words, True):
            break
        slots[:] = 0
        occurrences[:] = 0
        most, most_frequent = 0, 0
        for word in range(words - n + 1):
            occurrences[_find(slots, grams, word)] += 1
        for word in range(words - n + 1):
            if occurrences[word] > most:
                most, most_frequent = occurrences[word], word
        counts[_TOP_COUNTS + n - 2] = most
        counts[_TOP + n - 2] = most * (lengths[most_frequent : most_frequent + n].sum() + n - 1)
    grams[:] = hashes[:words]
    for n in range(2, 11):
        if not _lengthen(grams, hashes, lengths, powers, n, words, False):
            break
        if n < 5:
            continue
        slots[:] = 0
        word = 0
        while word < words - n + 1:
            if _find(slots, grams, word) == word:
                word += 1
            else:
                counts[_REPEATED + n - 5] += lengths[word : word + n].sum()
                word += n


@compiled()
def _lengthen(grams: Any, hashes: Any, lengths: Any, powers: Any, n: int, words: int, spaced: bool) -> Any:
    """Extend hashes of (n-1)-grams to n-grams, in place; return False if there are fewer than n words."""
    for word in range(words - n + 1):
        length = lengths[word + n - 1]
        value = grams[word]
        if spaced:
            value = value * np.uint64(BASE) + np.uint64(0x21)  # the space, plus one
        if length < powers.size:
            value *= powers[length]
        else:
            for _ in range(length // 63):
                value *= powers[63]
            value *= powers[length % 63]
        grams[word] = value + hashes[word + n - 1]
    return words >= n
