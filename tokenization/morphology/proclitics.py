"""Training examples of proclitics in all their combinations, before stems that the text may lack.

Gold of news, and text, show common words with common proclitics; a model that has seen no others joins the rest to
the stem. Here the proclitics are put before nouns and verbs of the text by their grammar: a conjunction (و, ف), then
a preposition (ب, ل, ك), the article, or both (ل and the article are written لل), then a noun with or without a
pronoun; a conjunction, then the future's س, then an imperfect with or without an object. Half of the nouns are rare,
so that the model learns the proclitics and not the stems.

A word that takes the article has no proclitic itself: وزير, beside الوزير. All such words that begin with the letter
of a proclitic are examples too, so that the model does not take their first letters for one. Grammar: Badawi, Carter
and Gully, *Modern Written Arabic* (2004).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set
from itertools import product, takewhile

from tokenization.morphology.conventions import PROCLITICS
from tokenization.morphology.segmenter import Boundaries, Segmenter, segments

MIN_COUNT = 3  # occurrences of a known word
MAX_NOUNS, MAX_VERBS = 2_000, 1_000  # of known and of rare nouns each; of imperfects
LONGEST_NOUN = 10  # letters
ARTICLES = 10  # a noun is at most so many times as frequent as with the article
_LETTERS = frozenset("وفبلكس")
_CONJUNCTIONS = ("", "و", "ف")
_ARTICLES = ("ال", "ب ال", "ك ال", "ل ل")
_PREPOSITIONS = ("ب", "ل", "ك")
_PRONOUNS = ("ه", "ها", "هم", "نا", "ك", "كم", "هن", "هما")
_OBJECTS = ("", "", "ه", "ها", "هم", "نا", "ني", "كم")
_COMMON = ("", "و", "ب", "ل", "ال", "وال", "بال", "لل")  # gold has many of them
_BEFORE_PRONOUNS, _BEFORE_NOUNS = (
    [
        [*lead, *rest.split()]
        for lead, rest in product(_CONJUNCTIONS, rests)
        if lead + rest.replace(" ", "") not in _COMMON
    ]
    for rests in (("", *_PREPOSITIONS), ("", *_PREPOSITIONS, *_ARTICLES))
)
_BEFORE_VERBS = [[*lead, "س"] for lead in _CONJUNCTIONS]


def with_proclitics(
    counts: Mapping[str, int], verbs: Sequence[str], model: Segmenter, without: Set[str], seed: int
) -> list[tuple[str, Boundaries]]:
    """Return formed words with boundaries: none of them is in `without`, or known in the text.

    `counts`: number of occurrences of each bare word. `verbs`: imperfects. `model`: the segmenter of nouns and verbs.
    """
    random_ = random.Random(seed)
    nouns = sorted(
        word for word in counts if 3 <= len(word) <= LONGEST_NOUN and "ال" + word in counts and word not in without
    )
    common = [noun for noun in nouns if counts[noun] >= MIN_COUNT]
    rare = [noun for noun in nouns if counts[noun] < MIN_COUNT and counts["ال" + noun] < MIN_COUNT]
    chosen = [noun for some in (common, rare) for noun in random_.sample(some, min(MAX_NOUNS, len(some)))]
    imperfects = random_.sample(sorted(verbs), min(MAX_VERBS, len(verbs)))
    words = [*chosen, *imperfects]
    parts_of = dict(zip(words, map(segments, words, model.boundaries(words)), strict=True))
    examples: dict[str, list[str]] = {}
    for noun in chosen:
        stem = parts_of[noun]
        if stem[0] in PROCLITICS:
            continue
        parts = _noun(stem, random_)
        examples["".join(parts)] = parts
    for verb in imperfects:
        if len(parts_of[verb]) == 1:
            parts = [part for part in (*random_.choice(_BEFORE_VERBS), verb, random_.choice(_OBJECTS)) if part]
            examples["".join(parts)] = parts
    return [
        (word, _ends(parts))
        for word, parts in sorted(examples.items())
        if counts.get(word, 0) < MIN_COUNT and word not in without
    ]


def without_proclitics(counts: Mapping[str, int], model: Segmenter, without: Set[str]) -> list[tuple[str, Boundaries]]:
    """Return the words that take the article and begin with the letter of a proclitic, without this boundary.

    `counts`: number of occurrences of each bare word. `model`: the segmenter. `without`: words that must not be in the
    result.
    """
    words = [
        word
        for word in sorted(counts)
        if 3 <= len(word) <= LONGEST_NOUN
        and word[0] in _LETTERS
        and MIN_COUNT <= counts[word] <= ARTICLES * counts.get("ال" + word, 0)
        and word not in without
    ]
    return [
        (word, _ends(_joined(segments(word, boundaries))))
        for word, boundaries in zip(words, model.boundaries(words), strict=True)
    ]


def _joined(parts: list[str]) -> list[str]:
    """Return the segments of a word with the proclitics as part of the stem."""
    first = sum(1 for _ in takewhile(PROCLITICS.__contains__, parts[:-1]))
    return ["".join(parts[: first + 1]), *parts[first + 1 :]]


def _noun(stem: Sequence[str], random_: random.Random) -> list[str]:
    """Return a noun with proclitics, and with a pronoun if it is a stem, or a stem and ة."""
    if random_.random() < 0.5 and (len(stem) == 1 or list(stem[1:]) == ["ة"]):
        inner = [stem[0], "ت"] if len(stem) == 2 else [stem[0]]
        return [*random_.choice(_BEFORE_PRONOUNS), *inner, random_.choice(_PRONOUNS)]
    return [*random_.choice(_BEFORE_NOUNS), *stem]


def _ends(parts: Sequence[str]) -> Boundaries:
    return tuple(sum(map(len, parts[:count])) for count in range(1, len(parts)))
