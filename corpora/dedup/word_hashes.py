"""Hashes of the words of a text: one 64-bit hash for each word, computed from UTF-8. Texts are compared by them.

Words are in lower case, without marks (including tashkeel), tatweel and format characters. White space, punctuation
and symbols separate words. Letters are decomposed (NFD) and lose their marks. Digits of any script are either replaced
by one zero for each run (`numbers=False`: texts that differ only in dates are near-duplicates) or compared by value.

Texts are an Arrow column that is read without a copy. Hashes are computed for one window of words after another, so
that memory does not grow with the length of a text.
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
"""Words in a window."""

_IGNORED, _SPACE, _DIGIT = 0, 0x20, 0x30
_VALUES = sys.maxunicode + 1  # digits compared by value map to this number and above, which no code point has
_TATWEEL = "\u0640"


@cache
def letters(*, numbers: bool) -> npt.NDArray[np.uint32]:
    """Return the table from code point to the code point that it is compared as, uint32 (0x110000,).

    numbers: compare digits by value; if false, all digits are equal. The result is cached; do not modify it.
    """
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    for point in range(0x20000):  # planes 0 and 1; code points of higher planes map to themselves
        character = chr(point)
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] in "PSZ":
            table[point] = _SPACE
        elif kind == "Nd":
            table[point] = _VALUES + unicodedata.digit(character) if numbers else _DIGIT
        elif character == _TATWEEL or kind[0] in "MC":
            table[point] = _IGNORED
        else:
            base = unicodedata.normalize("NFD", character.lower())
            table[point] = ord(base[0])
    return table


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def mix(value: Any) -> Any:
    """Return the step and finaliser of splitmix64 applied to a 64-bit value."""
    value = np.uint64(value) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def take_words(data: Any, position: int, stop: int, letters: Any, words: Any, count: int) -> Any:
    """Append the hashes of the words of the UTF-8 text `data[position:stop]` to `words` until it is full.

    letters: the table of `letters`. words: uint64, of which the first `count` are filled.
    Returns the number of hashes in `words`, and the position of the first byte that was not read.
    """
    word = np.uint64(0)
    inside = False
    digits = False
    while position < stop:
        byte = data[position]
        if byte < 0x80:
            point = np.int64(byte)
            position += 1
        elif byte < 0xE0:
            point = (np.int64(byte & 0x1F) << 6) | (data[position + 1] & 0x3F)
            position += 2
        elif byte < 0xF0:
            point = (
                (np.int64(byte & 0x0F) << 12)
                | (np.int64(data[position + 1] & 0x3F) << 6)
                | (data[position + 2] & 0x3F)
            )
            position += 3
        else:
            point = (
                (np.int64(byte & 0x07) << 18)
                | (np.int64(data[position + 1] & 0x3F) << 12)
                | (np.int64(data[position + 2] & 0x3F) << 6)
                | (data[position + 3] & 0x3F)
            )
            position += 4
        letter = letters[point]
        if letter == _IGNORED:
            continue
        if letter == _SPACE:
            if inside:
                words[count] = mix(word)
                count += 1
                if count == words.size:
                    return count, position
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
    return count, position
