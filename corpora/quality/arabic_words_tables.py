"""The contents of `data/words.json` as arrays for compiled loops: character classes, and hash tables of short strings.

The key of a string is a 64-bit polynomial of its code points. The hash tables use open addressing. With about 400
strings the probability that another string has the key of one of them is below 10^-16.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from corpora.compiled import compiled

SPACE, PLAIN, DIGIT, PREFIX, SUFFIX, INFIX, ALPHA, LOWER = (1 << bit for bit in range(8))
UPPER, QUOTE, WORD, DECIMAL, LETTER, SYMBOL, TERMINAL, BREAK = (1 << bit for bit in range(8, 16))
STARTS, ENDS, STARTS_PIECE, ENDS_PIECE, ENDS_UNIT = (1 << bit for bit in range(16, 21))
"""Bits of character classes. PLAIN: no rule depends on it. DIGIT: 0 to 9. BREAK: a line break of `str.splitlines`.
STARTS, ENDS: first or last character of a special case. STARTS_PIECE, ENDS_PIECE: of a token of a pattern. ENDS_UNIT:
last character of a unit. The others are named as in `corpora.quality.arabic_words_build`."""

SPECIAL, SPLIT, UNIT, PIECE = 1, 2, 4, 8
"""Values of strings. SPECIAL: a special case that is one word. SPLIT: a special case that is split into characters.
UNIT: may follow a digit. PIECE * number: a token of a pattern, and its number."""

LONGEST = 12
"""Length of the longest string in the table, in characters."""

BASE = 0x9E3779B97F4A7C15


class Tables(NamedTuple):
    """Arrays of the word rules.

    classes: bits of each code point, shape (0x110000,). strings: values of strings. patterns: sequences of piece
    numbers. The last two are hash tables for `lookup`, shape (slots, 2).
    """

    classes: npt.NDArray[np.uint32]
    strings: npt.NDArray[np.uint64]
    patterns: npt.NDArray[np.uint64]


@cache
def tables() -> Tables:
    """Return the tables. They are read once in each process; do not modify them."""
    facts = json.loads((Path(__file__).parent / "data" / "words.json").read_bytes())
    classes = _classes(facts["classes"])
    strings: dict[str, int] = {}

    def add(text: str, value: int, starts: int, ends: int) -> None:
        strings[text] = strings.get(text, 0) | value
        classes[ord(text[0])] |= np.uint32(starts)
        classes[ord(text[-1])] |= np.uint32(ends)

    for unit in facts["after a digit"]:
        add(unit, UNIT, 0, ENDS_UNIT)
    for text, pieces in facts["specials"].items():
        if not all(classes[ord(char)] & PLAIN for char in text):  # plain characters are one word without a rule
            add(text, SPECIAL if pieces == 1 else SPLIT, STARTS, ENDS)
    numbers: dict[str, int] = {}
    for token in (token for pattern in facts["patterns"] for token in pattern):
        if token not in numbers:
            numbers[token] = len(numbers) + 1
            add(token, PIECE * numbers[token], STARTS_PIECE, ENDS_PIECE)
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
    in_rules = classes & np.uint32(SPACE | DIGIT | PREFIX | SUFFIX | INFIX) != 0
    in_rules[_codes("+-*^.,–—~:<>=/")] = True
    classes[~in_rules] |= np.uint32(PLAIN)
    return classes


def _codes(chars: Iterable[str]) -> list[int]:
    return [ord(char) for char in chars]


# -- strings ------------------------------------------------------------------------------------------------


def hash_of(codes: Iterable[int]) -> int:
    """Return the polynomial of a string's code points, equal to `hash_span`."""
    value = 0
    for code in codes:
        value = (value * BASE + code + 1) & 0xFFFFFFFFFFFFFFFF
    return value


def string_table(strings: Mapping[str, int]) -> npt.NDArray[np.uint64]:
    """Return a hash table for `lookup` from strings to values, which must not be 0."""
    return _table({hash_of(map(ord, text)): value for text, value in strings.items()})


def _table(values: Mapping[int, int]) -> npt.NDArray[np.uint64]:
    """Return a hash table, uint64 (slots, 2): key and value. Slots are a power of two, at least twice the entries."""
    table = np.zeros((max(4, 1 << (2 * len(values)).bit_length()), 2), np.uint64)
    for key, value in values.items():
        slot = int(spread(np.uint64(key))) & (len(table) - 1)
        while table[slot, 1]:
            slot = (slot + 1) & (len(table) - 1)
        table[slot] = key, value
    return table


@compiled(inline=True)
def spread(value: Any) -> Any:
    """Mix 64 bits, so that each depends on all bits of `value` (finaliser of MurmurHash3, by Austin Appleby)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@compiled(inline=True)
def lookup(table: Any, key: Any) -> Any:
    """Return the value of a key, 0 if it is not in the table."""
    mask = np.uint64(table.shape[0] - 1)
    slot = spread(key) & mask
    while table[slot, 1] != 0:
        if table[slot, 0] == key:
            return np.int64(table[slot, 1])
        slot = (slot + np.uint64(1)) & mask
    return 0


@compiled(inline=True)
def hash_span(text: Any, start: int, stop: int) -> Any:
    """Return the polynomial of text[start:stop], the key of that string."""
    value = np.uint64(0)
    for index in range(start, stop):
        value = value * np.uint64(BASE) + np.uint64(text[index]) + np.uint64(1)
    return value
