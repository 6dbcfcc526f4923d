"""What gold of news can't teach the segmenter: clitics of dialects, and of those who say *I* and *you*.

News has no بيكتب, ماكانش or عندك. Unlabelled text shows how such words are made: عندك stands there beside عنده and
عندها, بيكتب beside يكتب and تكتب, ماكانش beside كان. Where a word has such a *parallel*, it is cut as that is, and
before or after the clitic; a model of gold alone cuts the parallel. These words, and some others as that model cuts
them, so that nothing is unlearned, are examples beside gold for the model that ships.

The rules would rather leave a word out than be wrong: what they miss the model generalises to. They are of the grammar
of Egyptian, Levantine, Gulf and Maghrebi Arabic; none was tried against gold of dialects.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from tokenization.morphology.features import LONGEST, level
from tokenization.morphology.segmenter import Boundaries, Segmenter

MIN_COUNT = 3  # times that a word occurs to be known
MAX_OTHERS = 10_000  # words without a parallel
_MIN_COUNT_OTHERS = 10  # times that one of those occurs
_MAX_LINKS = 4  # clitics that are taken off a word, one after the other

Known = Callable[[str], int]
"""How often a word occurs (`features.level`); 0 if it isn't known."""


class Parallel(NamedTuple):
    """A word that another is cut like: after its first `begin` letters, as far as letter `end`, and at `cuts`."""

    word: str
    begin: int
    end: int
    boundaries: Boundaries


def examples(
    counts: Mapping[str, int], model: Segmenter, without: Set[str], seed: int
) -> list[tuple[str, Boundaries]]:
    """Words of `counts` (how often each bare word occurs) and their cuts; none of the words `without`."""

    def known(word: str) -> int:
        count = counts.get(word, 0)
        return level(count) if count >= MIN_COUNT else 0

    chains: dict[str, tuple[list[Parallel], str]] = {}
    others = []
    for word in sorted(counts):
        if counts[word] < MIN_COUNT or not 2 <= len(word) <= LONGEST or word in without:
            continue
        chain, root = _chain(word, known)
        if chain:
            chains[word] = chain, root
        elif counts[word] >= _MIN_COUNT_OTHERS:
            others.append(word)
    others = random.Random(seed).sample(others, min(MAX_OTHERS, len(others)))
    segmented = sorted({*others, *(root for _, root in chains.values())})
    boundaries = dict(zip(segmented, model.boundaries(segmented), strict=True))
    return [(word, _cut(chain, boundaries[root])) for word, (chain, root) in chains.items()] + [
        (word, boundaries[word]) for word in others
    ]


def parallel(word: str, known: Known) -> Parallel | None:
    """The word that this one is cut like but for one clitic, if there is any."""
    for rule in (_pronoun, _feminine, _plural, _negated, _first_person, _not, _verb, _demonstrative, _dative):
        match = rule(word, known)
        if match:
            return match
    return None


def _chain(word: str, known: Known) -> tuple[list[Parallel], str]:
    """Parallels of parallels, and the word that has none any more."""
    links: list[Parallel] = []
    while len(links) < _MAX_LINKS and (link := parallel(word, known)):
        links.append(link)
        word = link.word
    return links, word


def _cut(links: list[Parallel], boundaries: Boundaries) -> Boundaries:
    for link in reversed(links):
        inside = {link.begin + boundary for boundary in boundaries if link.begin + boundary < link.end}
        boundaries = tuple(sorted(inside | set(link.boundaries)))
    return boundaries


def _pronoun(word: str, known: Known) -> Parallel | None:
    """عندك, عندي, عندو beside عنده and عندها."""
    for pronoun in ("ك", "ي", "ني", "كم", "كو", "كن", "و"):
        stem = word.removesuffix(pronoun)
        if stem == word or len(stem) < (3 if pronoun in "يو" else 2) or stem.lstrip("وفب").startswith(("ال", "لل")):
            continue
        beside = [(known(stem + other), stem + other) for other in ("ه", "ها", "هم", "نا")]
        highest, other = max(beside)
        likely = highest >= known(word) - (pronoun not in "يو")
        verb = pronoun == "و" and known(stem + "وا") >= known(word)
        if likely and not verb and sum(count > 0 for count, _ in beside) >= 2:
            return Parallel(other, 0, len(stem), (len(stem),))
    return None


def _plural(word: str, known: Known) -> Parallel | None:
    """كانو, spelled without the alef of كانوا."""
    stem, full = word.removesuffix("و"), word + "ا"
    if stem == word or len(stem) < 3 or not known(stem) or known(full) < max(1, known(word) - 2):
        return None
    verb = word[0] in "يتن" or known(stem + "ت") or known("ي" + stem)
    return Parallel(full, 0, len(stem), (len(stem),)) if verb else None


def _negated(word: str, known: Known) -> Parallel | None:
    """ماكانش, مكانش, and كانش after a ما that stands alone."""
    if not word.endswith("ش") or len(word) < 4:
        return None
    for negation in ("ما", "م", ""):
        rest = word.removeprefix(negation)[:-1]
        if not word.startswith(negation) or len(rest) < 2 or known(rest) < max(3, known(word) - 2):
            continue
        if negation or known("ما" + word) or known("م" + word):
            begin, end = len(negation), len(word) - 1
            return Parallel(rest, begin, end, (begin, end) if begin else (end,))
    return None


def _feminine(word: str, known: Known) -> Parallel | None:
    """مدرسه, spelled with the letter of مدرسته."""
    full = word.removesuffix("ه") + "ة"
    likely = len(word) >= 4 and word.endswith("ه") and known(full) >= max(1, known(word) - 1)
    return Parallel(full, 0, len(word) - 1, (len(word) - 1,)) if likely else None


def _first_person(word: str, known: Known) -> Parallel | None:
    """بشوف, which has lost the alef of أشوف."""
    rest = word[1:]
    if not word.startswith("ب") or len(word) < 4 or known("ي" + rest) <= known(word):
        return None
    verb = known("ت" + rest) and (known("ا" + rest) or known("أ" + rest))
    return Parallel("ي" + rest, 0, len(word), (1,)) if verb else None


def _not(word: str, known: Known) -> Parallel | None:
    """مايعرف beside يعرف and تعرف."""
    rest = word.removeprefix("ما")
    likely = rest != word and len(rest) >= 3 and known(rest) >= known(word) and _persons(rest, known) >= 1
    return Parallel(rest, 2, len(word), (2,)) if likely else None


def _verb(word: str, known: Known) -> Parallel | None:
    """بيكتب, هيكتب, حيكتب, كيكتب beside يكتب and تكتب."""
    rest = word[1:]
    if word[0] not in "بهحك" or len(rest) < 3 or not known(rest) or known(rest) < known(word) - 3:
        return None
    persons = _persons(rest, known) + (known("ا" + rest[1:]) > 0)
    return Parallel(rest, 1, len(word), (1,)) if rest[0] in "يتن" and persons >= (1 if len(rest) > 3 else 2) else None


def _persons(verb: str, known: Known) -> int:
    """In how many other persons of the imperfect a verb is known."""
    return sum(known(person + verb[1:]) > 0 for person in "يتن" if person != verb[0]) if verb[0] in "يتنا" else 0


def _demonstrative(word: str, known: Known) -> Parallel | None:
    """هالبيت and عالبيت beside البيت."""
    likely = word.startswith(("هال", "عال")) and len(word) >= 6 and known(word[1:]) >= max(1, known(word))
    return Parallel(word[1:], 1, len(word), (1,)) if likely else None


def _dative(word: str, known: Known) -> Parallel | None:
    """حكيتله, حكيتلها beside حكيت."""
    pronouns = ("ك", "ه", "ها", "هم", "ي", "نا", "كم", "و")
    for pronoun in pronouns:
        verb = word.removesuffix("ل" + pronoun)
        if verb == word or len(verb) < 3 or known(verb) < max(2, known(word)):
            continue
        others = sum(known(f"{verb}ل{other}") > 0 for other in pronouns)
        if others >= 3 and known(verb + "ل") < known(verb) - 2 and not known(verb + "لة"):
            return Parallel(verb, 0, len(verb), (len(verb), len(verb) + 1))
    return None
