"""Near-duplicates by MinHash and locality-sensitive hashing: texts that share most of their word n-grams.

A text is a set of word n-grams. Words are compared as in `corpora.dedup.word_hashes`; each run of digits counts as one
0. Each of `bands * rows` hash functions keeps its least value over the set (Broder, 1997). A band combines `rows` of
these values to one key. Two texts are duplicates if they have the same key in one band, which with Jaccard similarity
s has probability 1 - (1 - s^rows)^bands. Clusters are the connected components.

Share of planted near-duplicates that is detected if 5, 10 or 20 % of the words are changed, in one block or scattered
(documents of news and books; a changed word changes n n-grams, so scattered edits need short n-grams):

    setting    n-gram  bands x rows   block 5/10/20 %   scattered 5/10/20 %
    BLOCKS     5       14 x 8         .98  .81  .26     .27  .01  0           FineWeb-2's (Penedo et al., 2025)
    SCATTERED  3       20 x 6         1    .99  .77     .96  .52  .05

SCATTERED detects more, but also matches texts that share only half of their words in the same order. A common key is
therefore only a candidate for `corpora.dedup.proven`, which compares signatures: 8 bits of each least value. Two texts
with Jaccard similarity s agree in a value with probability s + (1 - s) / 256, from which `similarity_of` estimates s
with a standard error of sqrt(s (1 - s) / (bands * rows)): at most .05.

Signatures need a byte for each hash function and document: 112 MB for a million documents with BLOCKS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
from numba import njit

from corpora.arrow_text import chunks
from corpora.dedup.word_hashes import WINDOW, letters, mix, take_words

Keys = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint8]
"""8 bits of the least value of each hash function, (documents, functions)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Parameters of MinHash. ngram: words in an n-gram. bands: number of bands. rows: hash functions in a band."""

    ngram: int
    bands: int
    rows: int

    @property
    def functions(self) -> int:
        """Number of hash functions: bytes of a signature."""
        return self.bands * self.rows


BLOCKS = Setting(ngram=5, bands=14, rows=8)
SCATTERED = Setting(ngram=3, bands=20, rows=6)

SETTINGS = {"minhash": BLOCKS, "minhash-scattered": SCATTERED}


def band_keys(texts: pyarrow.ChunkedArray, setting: Setting) -> Keys:
    """Return the band keys of texts, uint64 (bands, texts).

    A text with fewer words than an n-gram is one n-gram. The keys of a text without words are 0 and match no other.
    """
    return sketches(texts, setting)[0]


def sketches(texts: pyarrow.ChunkedArray, setting: Setting) -> tuple[Keys, Signatures]:
    """Return the band keys of texts, as `band_keys` does, and their signatures, uint8 (texts, functions).

    The signature of a text without words is all zeros.
    """
    table, (factors, terms) = letters(numbers=False), _functions(setting.functions)
    keys = np.zeros((setting.bands, len(texts)), np.uint64)
    signatures = np.zeros((len(texts), setting.functions), np.uint8)
    words, first = np.empty(WINDOW, np.uint64), 0
    for data, offsets in chunks(texts):
        stop = first + offsets.size - 1
        part = keys[:, first:stop], signatures[first:stop]
        _sketch(data, offsets, table, factors, terms, setting.ngram, setting.rows, words, *part)
        first = stop
    return keys, signatures


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def similarity_of(agreeing: Any, functions: int) -> Any:
    """Return the estimate of the Jaccard similarity of two texts whose signatures agree in `agreeing` values."""
    return max(0.0, (256.0 * agreeing / functions - 1.0) / 255.0)


def _functions(count: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return factors and terms of `count` hash functions x -> factor * x + term (mod 2^32).

    The factors are odd. Both are drawn from splitmix64 and are always the same.
    """
    draws = np.array([mix(np.uint64(number)) for number in range(1, 2 * count + 1)], np.uint64)
    drawn = (draws >> np.uint64(32)).astype(np.uint32)
    return drawn[:count] | np.uint32(1), drawn[count:]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sketch(
    data: Any,
    offsets: Any,
    letters: Any,
    factors: Any,
    terms: Any,
    ngram: int,
    rows: int,
    words: Any,
    keys: Any,
    signatures: Any,
) -> None:
    """Write band keys and signature of each text `data[offsets[k]:offsets[k + 1]]` to `keys[:, k]`, `signatures[k]`.

    `words` is scratch space: a window over the word hashes of one text.
    """
    least = np.empty(factors.size, np.uint32)
    for text in range(offsets.size - 1):
        least[:] = 0xFFFFFFFF
        position, stop = offsets[text], offsets[text + 1]
        none = np.int64(0)  # not a constant, for which `take_words` would be compiled once more
        count, position = take_words(data, position, stop, letters, words, none)
        if count == 0:
            continue
        if count < ngram:
            _lower(words, 0, count, factors, terms, least)
        while count >= ngram:
            for start in range(count - ngram + 1):
                _lower(words, start, ngram, factors, terms, least)
            for index in range(ngram - 1):  # the next window begins with the last words of this one
                words[index] = words[count - ngram + 1 + index]
            count, position = take_words(data, position, stop, letters, words, ngram - 1)
        for band in range(keys.shape[0]):
            key = np.uint64(0)
            for number in range(band * rows, (band + 1) * rows):
                key = mix(key + np.uint64(least[number]) + np.uint64(1))
            keys[band, text] = max(key, np.uint64(1))  # 0 is reserved for texts without words
        for number in range(least.size):  # mixed: the low bits of an affine image depend on the low bits alone
            signatures[text, number] = mix(np.uint64(least[number]) + np.uint64(1)) >> np.uint64(56)


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _lower(words: Any, start: int, length: int, factors: Any, terms: Any, least: Any) -> None:
    """Lower each value of `least` to the hash of the n-gram `words[start:start + length]`, if that is smaller."""
    gram = np.uint64(0)
    for index in range(start, start + length):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[index]
    value = np.uint32(mix(gram) >> np.uint64(32))
    for number in range(factors.size):
        image = np.uint32(np.uint32(factors[number] * value) + terms[number])
        least[number] = min(least[number], image)
