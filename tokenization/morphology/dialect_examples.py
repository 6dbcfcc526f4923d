"""Training examples for clitics that gold of news lacks: those of dialects, and of the first and second person.

Unlabelled text shows how such words are formed: عندك occurs beside عنده and عندها, بيكتب beside يكتب and تكتب, ماكانش
beside كان. If a word has such a *parallel*, it has the boundaries of the parallel and one before or after the clitic;
a model trained on gold alone segments the parallel. These words, and some others with the boundaries of that model, so
that nothing is unlearned, are added to gold when the shipped model is trained.

The rules omit a word rather than risk a false boundary; the model generalises to words that they miss. They follow the
grammar of Egyptian, Levantine, Gulf and Maghrebi Arabic. None was tested on gold of dialects.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from tokenization.morphology.features import LONGEST, level
from tokenization.morphology.segmenter import Boundaries, Segmenter

MIN_COUNT = 3  # occurrences of a known word
MAX_OTHERS = 10_000  # maximum number of words without a parallel
_MIN_COUNT_OTHERS = 10  # occurrences of a word without a parallel
_MAX_LINKS = 4  # maximum length of a chain of parallels

Known = Callable[[str], int]
"""Returns the frequency level of a word (`features.level`), 0 if the word is unknown."""


class Parallel(NamedTuple):
    """A known word, and the boundaries of the word under analysis that differ from it.

    `word`: the parallel. Its boundaries apply to letters `begin` to `end` of the analysed word. `boundaries`: further
    boundaries of the analysed word.
    """

    word: str
    begin: int
    end: int
    boundaries: Boundaries


def examples(
    counts: Mapping[str, int], model: Segmenter, without: Set[str], seed: int
) -> list[tuple[str, Boundaries]]:
    """Return words with boundaries as training examples.

    `counts`: number of occurrences of each bare word. `model`: the segmenter of parallels and of words without a
    parallel. `without`: words that must not be in the result. `seed`: selects the words without a parallel.
    """

    def known(word: str) -> int:
        count = counts.get(word, 0)
        return level(count) if count >= MIN_COUNT else 0

    chains: dict[str, tuple[list[Parallel], str]] = {}
    others = []
    for word in sorted(counts):
        if counts[word] < MIN_COUNT or not 2 <= len(word) <= LONGEST or word in without:
            continue
        chain, base = _chain(word, known)
        if chain:
            chains[word] = chain, base
        elif counts[word] >= _MIN_COUNT_OTHERS:
            others.append(word)
    others = random.Random(seed).sample(others, min(MAX_OTHERS, len(others)))
    segmented = sorted({*others, *(base for _, base in chains.values())})
    boundaries = dict(zip(segmented, model.boundaries(segmented), strict=True))
    return [(word, _boundaries_of_chain(chain, boundaries[base])) for word, (chain, base) in chains.items()] + [
        (word, boundaries[word]) for word in others
    ]


def parallel(word: str, known: Known) -> Parallel | None:
    """Return the parallel that differs from the word by one clitic, or None."""
    for rule in (
        *(_pronoun, _feminine, _plural, _negated, _negated_prefix, _first_person, _not, _verb, _vocative),
        *(_demonstrative, _dative),
    ):
        match = rule(word, known)
        if match:
            return match
    return None


def _chain(word: str, known: Known) -> tuple[list[Parallel], str]:
    """Return the chain of parallels of a word, and the last word of the chain, which has no parallel."""
    links: list[Parallel] = []
    while len(links) < _MAX_LINKS and (link := parallel(word, known)):
        links.append(link)
        word = link.word
    return links, word


def _boundaries_of_chain(links: list[Parallel], boundaries: Boundaries) -> Boundaries:
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
    """ماكانش, مكانش, and كانش after a separate ما."""
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


def _negated_prefix(word: str, known: Known) -> Parallel | None:
    """مابيكتبش and مبيكتبش beside يكتب and تكتب: a negation before the prefix of the imperfect."""
    for negation in ("ما", "م"):
        rest = word.removeprefix(negation)
        verb = rest[1:].removesuffix("ش")
        if rest == word or rest[:1] not in ("ب", "ه", "ح") or len(verb) < 3 or verb == rest[1:]:
            continue
        if known(verb) and verb[0] in "يتن" and _persons(verb, known) >= 1:
            begin, end = len(negation) + 1, len(word) - 1
            return Parallel(verb, begin, end, (begin - 1, begin, end))
    return None


def _vocative(word: str, known: Known) -> Parallel | None:
    """يامحمد beside محمد, and not a verb: there is no تامحمد."""
    rest = word.removeprefix("يا")
    likely = rest != word and len(rest) >= 3 and known(rest) > known(word) and not _persons(word, known)
    return Parallel(rest, 2, len(word), (2,)) if likely else None


def _feminine(word: str, known: Known) -> Parallel | None:
    """مدرسه, spelled with the letter of مدرسته."""
    full = word.removesuffix("ه") + "ة"
    likely = len(word) >= 4 and word.endswith("ه") and known(full) >= max(1, known(word) - 1)
    return Parallel(full, 0, len(word) - 1, (len(word) - 1,)) if likely else None


def _first_person(word: str, known: Known) -> Parallel | None:
    """بشوف, without the alef of أشوف."""
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
    """Return the number of other persons of the imperfect in which a verb is known."""
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
