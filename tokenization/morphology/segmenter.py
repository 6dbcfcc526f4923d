"""Words cut into morphemes: one small interface, and the rules that need no training.

A segmenter gets bare words (Arabic letters, no marks, no tatweel) and says after which letters to cut. Segments
therefore always concatenate to the word: nothing is restored, nothing normalised. Words are taken as types: in
WikiNews only 3 of 6,628 have more than one segmentation, so nothing is gained by context. The scheme is Farasa's
(Abdelali et al. 2016): proclitics and the article, enclitics, and the endings of number and gender stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

from tokenization.errors import OptionError, SegmenterError

Cuts = tuple[int, ...]
"""Where a word is cut: numbers of characters before each cut, rising, none at the word's ends."""

_LETTERS = "\u0621-\u063a\u0641-\u064a\u0671"
_MARKS = "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
_NO_WORDS: Mapping[str, int] = MappingProxyType({})
WORD = re.compile(f"[{_LETTERS}{_MARKS}]+")
_MARK = re.compile(f"[{_MARKS}]")


class Segmenter(Protocol):
    """Anything that says where bare Arabic words are cut. Equal words are cut equally, wherever they stand."""

    def cuts(self, words: Sequence[str]) -> list[Cuts]:
        """The cuts of each word, in order."""


def segmenter(name: str, words: Mapping[str, int] = _NO_WORDS, database: str | None = None) -> Segmenter:
    """The segmenter of that name: `learned`, `camel` or `rules`.

    `camel` weighs analyses by `words` (how often each bare word of the corpus occurs), takes them from `database` (a
    name or path, see `camel.database_path`), and leaves words without an analysis to `learned`. Raises OptionError
    for any other name, SegmenterError for a database or package that is not there.
    """
    if name == "rules":
        return Rules()
    if name in ("learned", "camel"):
        from tokenization.morphology.learned import Learned

        if name == "learned":
            return Learned.shipped()
        from tokenization.morphology.camel import Camel, database_path

        return Camel(database_path(database), words, Learned.shipped())
    raise OptionError(f"segmenter = {name!r}: choose 'learned', 'camel' or 'rules'")


def cut_words(segmenter: Segmenter, words: Sequence[str]) -> list[Cuts]:
    """The cuts of words as they stand in a text: marks and tatweel stay with the letter before them.

    Words that hold anything but Arabic letters and marks are left whole. Raises SegmenterError for cuts that don't lie
    inside their word, in rising order: such pieces would not join to the word.
    """
    letters = [bare(word) if WORD.fullmatch(word) else "" for word in words]
    found = segmenter.cuts(letters)
    if len(found) != len(letters):
        raise SegmenterError(f"the segmenter gives cuts of {len(found)} words for {len(letters)}: mend it")
    for plain, cuts in zip(letters, found, strict=True):
        if cuts and not (cuts[0] > 0 and cuts[-1] < len(plain) and _rising(cuts)):
            raise SegmenterError(f"the segmenter cuts {plain!r} at {list(cuts)}, and pieces must join to it: mend it")
    return [
        cuts if len(word) == len(plain) or not cuts else _moved(word, cuts)
        for word, plain, cuts in zip(words, letters, found, strict=True)
    ]


def bare(word: str) -> str:
    """A word without marks and tatweel."""
    return _MARK.sub("", word)


def segments(word: str, cuts: Cuts) -> list[str]:
    """The pieces of a word."""
    return [word[begin:end] for begin, end in zip((0, *cuts), (*cuts, len(word)), strict=True)]


def _rising(cuts: Cuts) -> bool:
    return len(cuts) == 1 or all(one < other for one, other in pairwise(cuts))


def _moved(word: str, cuts: Cuts) -> Cuts:
    """Cuts between letters, as cuts between the same letters of a word with marks."""
    places = [at for at, char in enumerate(word) if not _MARK.match(char)]
    return tuple(places[cut] for cut in cuts)


_ARTICLES = ("و ال", "ف ال", "ب ال", "ك ال", "و ب ال", "ف ب ال", "و ك ال", "ل ل", "و ل ل", "ف ل ل", "ال")
_DIALECT_ARTICLES = ("ه ال", "ع ال", "و ه ال", "و ع ال", "ش ال")
_PARTICLES = ("س", "و س", "ف س", "و ب", "و ل", "ف ل", "ف ب", "و", "ف", "ب", "ل", "ك")
_PRONOUNS = ("هما", "كما", "هم", "هن", "كم", "كن", "كو", "نا", "ني", "ها", "ه", "ك", "ي")
_ENDINGS = ("ات", "ون", "ين", "ان", "ة", "تا", "وا", "تم", "ت", "ا")
_BEFORE_PRONOUNS = ("ات", "ت", "ا")
_DIALECT_ENDINGS = ("هاش", "وش", "تش", "ناش", "لهم", "لها", "لنا")
_WEAK = frozenset("ايكت")
_STEM = 3  # letters


def _longest_first(affixes: Sequence[str]) -> list[tuple[str, ...]]:
    return sorted((tuple(affix.split()) for affix in affixes), key=lambda parts: -sum(map(len, parts)))


class Rules:
    """Longest match: as many letters of known prefixes and endings as leave a stem of three.

    A single letter that often belongs to the stem (a particle; a final alef, ya, kaf or ta) asks for four.
    """

    _prefixes = _longest_first((*_ARTICLES, *_DIALECT_ARTICLES, *_PARTICLES))
    _endings = _longest_first(
        (
            *_PRONOUNS,
            *_ENDINGS,
            *(f"{ending} {pronoun}" for ending in _BEFORE_PRONOUNS for pronoun in _PRONOUNS),
            *(" ".join((word[:-1], word[-1])) if word.endswith("ش") else f"ل {word[1:]}" for word in _DIALECT_ENDINGS),
        )
    )

    def cuts(self, words: Sequence[str]) -> list[Cuts]:
        """The cuts of each word, in order."""
        return [self._cut(word) for word in words]

    def _cut(self, word: str) -> Cuts:
        prefix: tuple[str, ...] = ()
        for parts in self._prefixes:
            affix = "".join(parts)
            least = _STEM if affix.endswith(("ال", "لل")) else _STEM + 1
            if word.startswith(affix) and len(word) - len(affix) >= least:
                prefix = parts
                break
        rest = len(word) - sum(map(len, prefix))
        ending: tuple[str, ...] = ()
        for parts in self._endings:
            affix = "".join(parts)
            least = _STEM + (parts[-1] in _WEAK)
            if word.endswith(affix) and rest - len(affix) >= least:
                ending = parts
                break
        stem = word[sum(map(len, prefix)) : len(word) - sum(map(len, ending))]
        ends, at = [], 0
        for part in (*prefix, stem, *ending):
            at += len(part)
            ends.append(at)
        return tuple(ends[:-1])
