"""Words cut into morphemes: one small interface, and the rules that need no training.

A segmenter gets bare words (Arabic letters, no marks, no tatweel) and says after which letters to cut. Segments
therefore always concatenate to the word: nothing is restored, nothing normalised. Words are taken as types: in
WikiNews only 3 of 6,628 have more than one segmentation, so nothing is gained by context. The scheme is Farasa's
(Abdelali et al. 2016): proclitics and the article, enclitics, and the endings of number and gender stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from tokenization.errors import SegmenterError

Boundaries = tuple[int, ...]
"""Where a word is cut: numbers of characters before each cut, rising, none at the word's ends."""

_LETTERS = "\u0621-\u063a\u0641-\u064a\u0671"
_MARKS = "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
WORD = re.compile(f"[{_LETTERS}{_MARKS}]+")
_MARK = re.compile(f"[{_MARKS}]")


class Segmenter(Protocol):
    """Anything that says where bare Arabic words are cut. Equal words are cut equally, wherever they stand."""

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """The cuts of each word, in order."""


def word_boundaries(segmenter: Segmenter, words: Sequence[str]) -> list[Boundaries]:
    """The cuts of words as they stand in a text: marks and tatweel stay with the letter before them.

    Words that hold anything but Arabic letters and marks are left whole. Raises SegmenterError for cuts that don't lie
    inside their word, in rising order: such pieces would not join to the word.
    """
    letters = [bare(word) if WORD.fullmatch(word) else "" for word in words]
    of_words = segmenter.boundaries(letters)
    if len(of_words) != len(letters):
        raise SegmenterError(f"the segmenter gives cuts of {len(of_words)} words for {len(letters)}: mend it")
    for plain, boundaries in zip(letters, of_words, strict=True):
        if boundaries and not (boundaries[0] > 0 and boundaries[-1] < len(plain) and _rising(boundaries)):
            raise SegmenterError(
                f"the segmenter cuts {plain!r} at {list(boundaries)}, and pieces must join to it: mend it"
            )
    return [
        boundaries if len(word) == len(plain) or not boundaries else _moved(word, boundaries)
        for word, plain, boundaries in zip(words, letters, of_words, strict=True)
    ]


def bare(word: str) -> str:
    """A word without marks and tatweel."""
    return _MARK.sub("", word)


def segments(word: str, boundaries: Boundaries) -> list[str]:
    """The pieces of a word."""
    return [word[begin:end] for begin, end in zip((0, *boundaries), (*boundaries, len(word)), strict=True)]


def _rising(boundaries: Boundaries) -> bool:
    return len(boundaries) == 1 or all(first < second for first, second in pairwise(boundaries))


def _moved(word: str, boundaries: Boundaries) -> Boundaries:
    """Cuts between letters, as cuts between the same letters of a word with marks."""
    letters = [index for index, char in enumerate(word) if not _MARK.match(char)]
    return tuple(letters[boundary] for boundary in boundaries)
