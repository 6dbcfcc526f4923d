"""Near-duplicates by MinHash and locality-sensitive hashing: which texts share most of their word n-grams.

A text is compared as its words (`corpora.dedup.word_hashes`), each run of digits one 0. Of the set of its word
n-grams, `bands * rows` hash functions keep the least value each (Broder, 1997); a band is `rows` of these as one key,
and two texts are candidates, and here duplicates, if a band of both is the same. With Jaccard similarity s that
happens with probability 1 - (1 - s^rows)^bands. Clusters are the connected components.

Share of planted near-duplicates found, when 5, 10 or 20 % of the words are changed in one block, or scattered
(documents of news and books; the change of a word breaks n n-grams, so scattered edits need short ones):

    setting    n-gram  bands x rows   block 5/10/20 %   scattered 5/10/20 %
    BLOCKS     5       14 x 8         .98  .81  .26     .27  .01  0           FineWeb-2's (Penedo et al., 2025)
    SCATTERED  3       20 x 6         1    .99  .77     .96  .52  .05

SCATTERED finds more, at the price of calling texts duplicates that share half of their words in order.

Keys need 8 bytes a band and document: 112 MB for a million documents under BLOCKS, of which `join` looks at one band
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
from numba import njit

from corpora.arrow_text import chunks
from corpora.dedup.word_hashes import WINDOW, letters, mix, take_words

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


def band_keys(texts: pyarrow.ChunkedArray, setting: Setting) -> Keys:
    """One key a band, shape (bands, texts); zeros for a text without words, which is like no other.

    A text of fewer words than an n-gram is one n-gram, all its words.
    """
    table, (factors, terms) = letters(numbers=False), _functions(setting.bands * setting.rows)
    keys = np.zeros((setting.bands, len(texts)), np.uint64)
    words, first = np.empty(WINDOW, np.uint64), 0
    for data, offsets in chunks(texts):
        stop = first + offsets.size - 1
        _band_keys(data, offsets, table, factors, terms, setting.ngram, setting.rows, words, keys[:, first:stop])
        first = stop
    return keys


def join(first: npt.NDArray[np.int64], parts: Sequence[Keys]) -> npt.NDArray[np.int64]:
    """For each document, in the order of `parts`, the first one of its cluster.

    `first` says so for the clusters known before (each document's own row, if there are none); any two documents with
    a key in common in the same band are in one cluster.
    """
    parents = first.copy()
    for band in range(parts[0].shape[0] if parts else 0):
        keys = np.concatenate([part[band] for part in parts])
        _unite(parents, keys, np.argsort(keys, kind="stable"))
    _flatten(parents)
    return parents


def _functions(count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Hash functions x -> factor * x + term (mod 2^32), factors odd: drawn from splitmix64, the same for ever."""
    draws = np.array([mix(np.uint64(number)) for number in range(1, 2 * count + 1)], np.uint64)
    drawn = (draws >> np.uint64(32)).astype(np.uint32)
    return drawn[:count] | np.uint32(1), drawn[count:]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _band_keys(
    data: Any, offsets: Any, letters: Any, factors: Any, terms: Any, ngram: int, rows: int, words: Any, keys: Any
) -> None:
    least = np.empty(factors.size, np.uint32)
    for text in range(offsets.size - 1):
        least[:] = 0xFFFFFFFF
        at, stop = offsets[text], offsets[text + 1]
        count, at = take_words(data, at, stop, letters, words, 0)
        if count == 0:
            continue
        if count < ngram:
            _lower(words, 0, count, factors, terms, least)
        while count >= ngram:
            for start in range(count - ngram + 1):
                _lower(words, start, ngram, factors, terms, least)
            for place in range(ngram - 1):  # the next window begins with the last words of this one
                words[place] = words[count - ngram + 1 + place]
            count, at = take_words(data, at, stop, letters, words, ngram - 1)
        for band in range(keys.shape[0]):
            key = np.uint64(0)
            for number in range(band * rows, (band + 1) * rows):
                key = mix(key + np.uint64(least[number]) + np.uint64(1))
            keys[band, text] = max(key, np.uint64(1))  # 0 says that there are no words


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _lower(words: Any, start: int, length: int, factors: Any, terms: Any, least: Any) -> None:
    """Let an n-gram take the place of those that hash higher."""
    gram = np.uint64(0)
    for place in range(start, start + length):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[place]
    value = np.uint32(mix(gram) >> np.uint64(32))
    for number in range(factors.size):
        image = np.uint32(np.uint32(factors[number] * value) + terms[number])
        least[number] = min(least[number], image)


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
