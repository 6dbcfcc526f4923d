"""The interface of segmenters, which split Arabic words into morphemes.

A segmenter receives bare words (Arabic letters, without marks and tatweel) and returns the positions of morpheme
boundaries. The segments therefore always concatenate to the word: nothing is restored or normalised. Equal words have
equal boundaries in any context: in WikiNews only 3 of 6,628 word types have more than one segmentation. The scheme is
Farasa's (Abdelali et al. 2016): proclitics, the article, enclitics, and the endings of number and gender are segments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from tokenization.errors import SegmenterError

Boundaries = tuple[int, ...]
"""The boundaries inside a word: numbers of characters before each boundary, rising, without 0 and the word's length.
"""

_LETTERS = "\u0621-\u063a\u0641-\u064a\u0671"
_MARKS = "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
WORD = re.compile(f"[{_LETTERS}{_MARKS}]+")
_MARK = re.compile(f"[{_MARKS}]")


class Segmenter(Protocol):
    """A source of morpheme boundaries of bare Arabic words. Equal words have equal boundaries."""

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""


def word_boundaries(segmenter: Segmenter, words: Sequence[str]) -> list[Boundaries]:
    """Return the boundaries of words as written: marks and tatweel belong to the letter before them.

    Words with other characters than Arabic letters and marks have no boundaries. Raises SegmenterError if the
    segmenter returns boundaries that are not rising or not inside the word.
    """
    letters = [bare(word) if WORD.fullmatch(word) else "" for word in words]
    of_words = segmenter.boundaries(letters)
    if len(of_words) != len(letters):
        raise SegmenterError(
            f"the segmenter returns boundaries of {len(of_words)} words for {len(letters)} words: correct it"
        )
    for plain, boundaries in zip(letters, of_words, strict=True):
        if boundaries and not (boundaries[0] > 0 and boundaries[-1] < len(plain) and _rising(boundaries)):
            raise SegmenterError(
                f"the segmenter returns boundaries {list(boundaries)} for {plain!r}, which are not rising positions "
                "inside the word: correct it"
            )
    return [
        boundaries if len(word) == len(plain) or not boundaries else _moved(word, boundaries)
        for word, plain, boundaries in zip(words, letters, of_words, strict=True)
    ]


def bare(word: str) -> str:
    """Return a word without marks and tatweel."""
    return _MARK.sub("", word)


def segments(word: str, boundaries: Boundaries) -> list[str]:
    """Return the segments of a word."""
    return [word[begin:end] for begin, end in zip((0, *boundaries), (*boundaries, len(word)), strict=True)]


def _rising(boundaries: Boundaries) -> bool:
    return len(boundaries) == 1 or all(first < second for first, second in pairwise(boundaries))


def _moved(word: str, boundaries: Boundaries) -> Boundaries:
    """Return boundaries of the bare word as boundaries of the word with marks."""
    letters = [index for index, char in enumerate(word) if not _MARK.match(char)]
    return tuple(letters[boundary] for boundary in boundaries)
