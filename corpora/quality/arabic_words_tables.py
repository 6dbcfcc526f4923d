"""The facts of `data/words.json` as arrays that a compiled loop can ask: classes of characters, and short strings.

A string is known by a 64-bit polynomial of its code points; a table of strings is open addressing over those. With
some 400 strings the chance that a foreign one is taken for one of them is below 10^-16.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

SPACE, PLAIN, DIGIT, PREFIX, SUFFIX, INFIX, ALPHA, LOWER = (1 << bit for bit in range(8))
UPPER, QUOTE, WORD, DECIMAL, LETTER, SYMBOL, TERMINAL, BREAK = (1 << bit for bit in range(8, 16))
STARTS, ENDS, STARTS_PIECE, ENDS_PIECE, ENDS_UNIT = (1 << bit for bit in range(16, 21))
"""Classes of characters. PLAIN: no rule looks at it. DIGIT: 0 to 9. BREAK: ends a line for `str.splitlines`. STARTS,
ENDS: begins or ends a special case. The others as in `corpora.quality.arabic_words_build`."""

SPECIAL, SPLIT, UNIT, PIECE = 1, 2, 4, 8
"""What a string is: a special case; one that falls into its characters; what may follow a digit; PIECE times a number:
a token of a pattern."""

LONGEST = 12
"""Longest string in the table, in characters."""

BASE = 0x9E3779B97F4A7C15


class Tables(NamedTuple):
    """`classes`: by code point. `strings`, `patterns`: hash tables (see `lookup`)."""

    classes: npt.NDArray[np.uint32]
    strings: npt.NDArray[np.uint64]
    patterns: npt.NDArray[np.uint64]


@cache
def tables() -> Tables:
    """The tables, made once a process."""
    facts = json.loads((Path(__file__).parent / "data" / "words.json").read_bytes())
    classes = _classes(facts["classes"])
    strings: dict[str, int] = {}

    def enter(text: str, value: int, starts: int, ends: int) -> None:
        strings[text] = strings.get(text, 0) | value
        classes[ord(text[0])] |= np.uint32(starts)
        classes[ord(text[-1])] |= np.uint32(ends)

    for unit in facts["after a digit"]:
        enter(unit, UNIT, 0, ENDS_UNIT)
    for text, pieces in facts["specials"].items():
        if not all(classes[ord(char)] & PLAIN for char in text):  # such a text is one word anyway
            enter(text, SPECIAL if pieces == 1 else SPLIT, STARTS, ENDS)
    numbers: dict[str, int] = {}
    for token in (token for pattern in facts["patterns"] for token in pattern):
        if token not in numbers:
            numbers[token] = len(numbers) + 1
            enter(token, PIECE * numbers[token], STARTS_PIECE, ENDS_PIECE)
    patterns = {hash_of(numbers[token] for token in pattern): 1 for pattern in facts["patterns"]}
    return Tables(classes, string_table(strings), _table(patterns))


def _classes(ranges: Mapping[str, list[int]]) -> npt.NDArray[np.uint32]:
    classes = np.zeros(0x110000, np.uint32)
    for bit, name in (
        (SPACE, "space"), (PREFIX, "prefix"), (SUFFIX, "suffix"), (INFIX, "infix"), (ALPHA, "alpha"),
        (LOWER, "lower"), (UPPER, "upper"), (QUOTE, "quote"), (WORD, "word"), (DECIMAL, "decimal"),
        (LETTER, "letter"), (SYMBOL, "symbol"), (TERMINAL, "terminal"),
    ):  # fmt: skip
        for first, last in zip(ranges[name][::2], ranges[name][1::2], strict=True):
            classes[first : last + 1] |= np.uint32(bit)
    classes[_codes("0123456789")] |= np.uint32(DIGIT)
    classes[_codes("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")] |= np.uint32(BREAK)
    rules_look_at = classes & np.uint32(SPACE | DIGIT | PREFIX | SUFFIX | INFIX) != 0
    rules_look_at[_codes("+-*^.,–—~:<>=/")] = True
    classes[~rules_look_at] |= np.uint32(PLAIN)
    return classes


def _codes(chars: Iterable[str]) -> list[int]:
    return [ord(char) for char in chars]


# -- strings ------------------------------------------------------------------------------------------------


def hash_of(codes: Iterable[int]) -> int:
    """The polynomial of a string's code points, as `hash_span` has it."""
    value = 0
    for code in codes:
        value = (value * BASE + code + 1) & 0xFFFFFFFFFFFFFFFF
    return value


def string_table(strings: Mapping[str, int]) -> npt.NDArray[np.uint64]:
    """A table of strings and their values, which are not 0."""
    return _table({hash_of(map(ord, text)): value for text, value in strings.items()})


def _table(values: Mapping[int, int]) -> npt.NDArray[np.uint64]:
    """(slots, 2): hash and value; twice as many slots as entries at least, a power of two."""
    table = np.zeros((max(4, 1 << (2 * len(values)).bit_length()), 2), np.uint64)
    for key, value in values.items():
        slot = int(spread(np.uint64(key))) & (len(table) - 1)
        while table[slot, 1]:
            slot = (slot + 1) & (len(table) - 1)
        table[slot] = key, value
    return table


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def spread(value: Any) -> Any:
    """64 bits, each of which depends on all of `value`'s (the finaliser of MurmurHash3, by Austin Appleby)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def lookup(table: Any, key: Any) -> Any:
    """The value of a key, 0 if it is not there."""
    mask = np.uint64(table.shape[0] - 1)
    slot = spread(key) & mask
    while table[slot, 1] != 0:
        if table[slot, 0] == key:
            return np.int64(table[slot, 1])
        slot = (slot + np.uint64(1)) & mask
    return 0


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def hash_span(text: Any, start: int, stop: int) -> Any:
    """The polynomial of text[start:stop]."""
    value = np.uint64(0)
    for place in range(start, stop):
        value = value * np.uint64(BASE) + np.uint64(text[place]) + np.uint64(1)
    return value
