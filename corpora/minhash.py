"""Near-duplicates by MinHash and locality-sensitive hashing: which texts share most of their word n-grams.

A text is compared as its words: lower case, marks (tashkeel too), tatweel and format characters gone, each run of
digits one 0, white space, punctuation and symbols between words; alef, hamza and the rest as NFD leaves them without
marks. Of the set of its word n-grams, `bands * rows` hash functions keep the least value each (Broder, 1997); a band
is `rows` of these as one key, and two texts are candidates, and here duplicates, if a band of both is the same. With
Jaccard similarity s that happens with probability 1 - (1 - s^rows)^bands. Clusters are the connected components.

Share of planted near-duplicates found, when 5, 10 or 20 % of the words are changed in one block, or scattered
(documents of news and books; the change of a word breaks n n-grams, so scattered edits need short ones):

    setting    n-gram  bands x rows   block 5/10/20 %   scattered 5/10/20 %
    BLOCKS     5       14 x 8         .98  .81  .26     .27  .01  0           FineWeb-2's (Penedo et al., 2025)
    SCATTERED  3       20 x 6         1    .99  .77     .96  .52  .05

SCATTERED finds more, at the price of calling texts duplicates that share half of their words in order.

Keys need 8 bytes a band and document: 112 MB for a million documents under BLOCKS.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Setting:
    """Words in an n-gram, bands, and hash functions in a band."""

    ngram: int
    bands: int
    rows: int


BLOCKS = Setting(ngram=5, bands=14, rows=8)
SCATTERED = Setting(ngram=3, bands=20, rows=6)

SETTINGS = {"minhash": BLOCKS, "minhash-scattered": SCATTERED}

_GONE, _SPACE, _DIGIT = 0, 0x20, 0x30
_TATWEEL = "\u0640"


def band_keys(texts: Iterable[str], setting: Setting) -> Keys:
    """One key a band, shape (texts, bands); zeros for a text without words, which is like no other.

    A text of fewer words than an n-gram is one n-gram, all its words.
    """
    letters, (factors, terms) = _letters(), _functions(setting.bands * setting.rows)
    found = []
    for text in texts:
        keys = np.zeros(setting.bands, np.uint64)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        _band_keys(points, letters, factors, terms, setting.ngram, setting.rows, keys)
        found.append(keys)
    return np.stack(found) if found else np.empty((0, setting.bands), np.uint64)


def join(first: npt.NDArray[np.int64], parts: Sequence[Keys]) -> npt.NDArray[np.int64]:
    """For each document, in the order of `parts`, the first one of its cluster.

    `first` says so for the clusters known before (each document's own row, if there are none); any two documents with
    a key in common in the same band are in one cluster.
    """
    parents = first.copy()
    for band in range(parts[0].shape[1] if parts else 0):
        keys = np.concatenate([part[:, band] for part in parts])
        _unite(parents, keys, np.argsort(keys, kind="stable"))
    _flatten(parents)
    return parents


@cache
def _letters() -> npt.NDArray[np.uint32]:
    """What each code point is compared as: _GONE, _SPACE between words, _DIGIT, or a letter."""
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    for point in range(0x20000):  # planes 0 and 1; ideographs and what lies beyond stand for themselves
        character = chr(point)
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] in "PSZ":
            table[point] = _SPACE
        elif kind == "Nd":
            table[point] = _DIGIT
        elif character == _TATWEEL or kind[0] in "MC":
            table[point] = _GONE
        else:
            base = unicodedata.normalize("NFD", character.lower())
            table[point] = ord(base[0])
    return table


def _functions(count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Hash functions x -> factor * x + term (mod 2^32), factors odd: drawn from splitmix64, the same for ever."""
    draws = np.array([_mix(np.uint64(number)) for number in range(1, 2 * count + 1)], np.uint64)
    drawn = (draws >> np.uint64(32)).astype(np.uint32)
    return drawn[:count] | np.uint32(1), drawn[count:]


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _mix(value: Any) -> Any:
    """splitmix64's step and finaliser."""
    value = np.uint64(value) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _words(points: Any, letters: Any) -> Any:
    """A 64-bit hash of each word."""
    words = np.empty(points.size // 2 + 1, np.uint64)
    count = 0
    word = np.uint64(0)
    inside = False
    digits = False
    for point in points:
        letter = letters[point]
        if letter == _GONE:
            continue
        if letter == _SPACE:
            if inside:
                words[count] = _mix(word)
                count += 1
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
        words[count] = _mix(word)
        count += 1
    return words[:count]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _band_keys(points: Any, letters: Any, factors: Any, terms: Any, ngram: int, rows: int, keys: Any) -> None:
    words = _words(points, letters)
    if words.size == 0:
        return
    least = np.full(factors.size, 0xFFFFFFFF, np.uint32)
    for start in range(max(1, words.size - ngram + 1)):
        gram = np.uint64(0)
        for place in range(start, min(start + ngram, words.size)):
            gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[place]
        value = np.uint32(_mix(gram) >> np.uint64(32))
        for number in range(factors.size):
            image = np.uint32(np.uint32(factors[number] * value) + terms[number])
            least[number] = min(least[number], image)
    for band in range(keys.size):
        key = np.uint64(0)
        for number in range(band * rows, (band + 1) * rows):
            key = _mix(key + np.uint64(least[number]) + np.uint64(1))
        keys[band] = max(key, np.uint64(1))  # 0 says that there are no words


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(parents: Any, row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _unite(parents: Any, keys: Any, order: Any) -> None:
    """Join rows of equal keys; the root of a tree is its least row."""
    for place in range(1, order.size):
        if keys[order[place]] == keys[order[place - 1]] and keys[order[place]] != 0:
            one, other = _find(parents, order[place - 1]), _find(parents, order[place])
            parents[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _flatten(parents: Any) -> None:
    for row in range(parents.size):
        parents[row] = _find(parents, row)
