"""The words of a text as numbers, by which texts are compared: one 64-bit hash a word, straight from UTF-8.

Words are compared in lower case, without marks (tashkeel too), tatweel and format characters; white space,
punctuation and symbols stand between words; alef, hamza and the rest are as NFD leaves them without marks. Digits are
one zero a run (`numbers=False`: texts that differ in their dates alone are nearly the same) or count by their value,
whatever their script.

Texts come as an Arrow column, read where it lies; a window of words at a time, so that a text of any length needs no
memory of its own.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

WINDOW = 8192
"""Words looked at together."""

_GONE, _SPACE, _DIGIT = 0, 0x20, 0x30
_VALUES = sys.maxunicode + 1  # digits that count stand for these points and above: no letter's
_TATWEEL = "\u0640"


@cache
def letters(*, numbers: bool) -> npt.NDArray[np.uint32]:
    """What each code point is compared as; `numbers` says whether digits count by their value."""
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    for point in range(0x20000):  # planes 0 and 1; ideographs and what lies beyond stand for themselves
        character = chr(point)
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] in "PSZ":
            table[point] = _SPACE
        elif kind == "Nd":
            table[point] = _VALUES + unicodedata.digit(character) if numbers else _DIGIT
        elif character == _TATWEEL or kind[0] in "MC":
            table[point] = _GONE
        else:
            base = unicodedata.normalize("NFD", character.lower())
            table[point] = ord(base[0])
    return table


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def mix(value: Any) -> Any:
    """splitmix64's step and finaliser."""
    value = np.uint64(value) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def take_words(data: Any, at: int, stop: int, letters: Any, words: Any, count: int) -> Any:
    """Append hashes of the words of UTF-8 `data[at:stop]` to `words`, of which `count` are there, until it is full.

    Returns how many are there now, and where to go on.
    """
    word = np.uint64(0)
    inside = False
    digits = False
    while at < stop:
        byte = data[at]
        if byte < 0x80:
            point = np.int64(byte)
            at += 1
        elif byte < 0xE0:
            point = (np.int64(byte & 0x1F) << 6) | (data[at + 1] & 0x3F)
            at += 2
        elif byte < 0xF0:
            point = (np.int64(byte & 0x0F) << 12) | (np.int64(data[at + 1] & 0x3F) << 6) | (data[at + 2] & 0x3F)
            at += 3
        else:
            point = (
                (np.int64(byte & 0x07) << 18)
                | (np.int64(data[at + 1] & 0x3F) << 12)
                | (np.int64(data[at + 2] & 0x3F) << 6)
                | (data[at + 3] & 0x3F)
            )
            at += 4
        letter = letters[point]
        if letter == _GONE:
            continue
        if letter == _SPACE:
            if inside:
                words[count] = mix(word)
                count += 1
                if count == words.size:
                    return count, at
            word = np.uint64(0)
            inside = False
            digits = False
            continue
        if letter == _DIGIT and digits:
            continue
        digits = letter == _DIGIT
        word = word * np.uint64(0x100000001B3) + np.uint64(letter)
        inside = True
    if inside:
        words[count] = mix(word)
        count += 1
    return count, at
