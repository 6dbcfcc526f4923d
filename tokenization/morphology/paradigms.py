"""Training examples that no text need contain: words formed by the paradigms of known words, and words of titles.

*Pronouns*: a stem that occurs with three pronouns has all of them. *Verbs*: an imperfect that occurs in two persons
has the prefixes, negations, pronouns and datives of the dialects. The formed words are rare or unknown in the text, as
most words of dialects are, so that the model learns the endings and not the words. Grammars: see `closed_class`.

*Titles* of an encyclopaedia name things: a title does not begin with a conjunction or preposition that is written on,
and its words have no pronouns. Names, loans and words on a root's ه or a nisba's ي that look as if they had clitics
are learned from them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Set
from itertools import accumulate, takewhile

from tokenization.morphology.segmenter import WORD, Boundaries, Segmenter, bare, segments

MIN_COUNT = 3  # occurrences of a known word
MAX_STEMS, MAX_VERBS = 3_000, 1_500  # of nouns and prepositions; of imperfects and of perfects
EACH = 2  # formed words of a stem or verb
_EVIDENCE = ("ه", "ها", "هم", "نا", "ك", "ي")
_PRONOUNS = ("ي", "ك", "ه", "ها", "نا", "كم", "هم", "و", "كو", "كن")
_OBJECTS = ("ني", "ك", "ه", "ها", "نا", "كم", "هم", "و", "كو")
_CONJUNCTIONS = frozenset("وفبلكس")
_PROCLITICS = _CONJUNCTIONS | {"ال"}
_ENDINGS = frozenset(("ه", "ها", "هم", "هن", "هما", "ك", "كم", "نا", "ي", "ني"))
_BRACKETS = re.compile(r"\(.*?\)")
Example = tuple[str, Boundaries]


def formed(counts: Mapping[str, int], model: Segmenter, without: Set[str], seed: int) -> list[Example]:
    """Return formed words with boundaries: a word of `without`, or one that is known, is not formed.

    `counts`: number of occurrences of each bare word. `model`: the segmenter of the known words.
    """
    random_ = random.Random(seed)
    known = {word for word, count in counts.items() if count >= MIN_COUNT and word not in without}

    def new(word: str) -> bool:
        return counts.get(word, 0) < MIN_COUNT and word not in without

    stems = sorted(
        {
            word[: -len(pronoun)]
            for word in known
            for pronoun in _EVIDENCE
            if word.endswith(pronoun) and 3 <= len(word) - len(pronoun) <= 9
        }
    )
    stems = [stem for stem in stems if _has_pronouns(stem, known)]
    bases = {stem: next(stem + other for other in _EVIDENCE if stem + other in known) for stem in stems}
    verbs = imperfects(known)
    stems = random_.sample(stems, min(MAX_STEMS, len(stems)))
    verbs = random_.sample(verbs, min(MAX_VERBS, len(verbs)))
    perfects = sorted(word[:-1] for word in known if word.endswith("ت") and _is_perfect(word[:-1], known))
    perfects = random_.sample(perfects, min(MAX_VERBS, len(perfects)))
    segmented = [*(bases[stem] for stem in stems), *verbs]
    boundaries = dict(zip(segmented, model.boundaries(segmented), strict=True))
    examples: dict[str, Boundaries] = {}
    for stem in stems:
        predicted = boundaries[bases[stem]]
        if len(stem) in predicted:
            inside = tuple(boundary for boundary in predicted if boundary < len(stem))
            for pronoun in random_.sample(_PRONOUNS, EACH):
                examples[stem + pronoun] = (*inside, len(stem))
    for verb in verbs:
        for parts in random_.sample(_forms(verb), EACH):
            begin = sum(map(len, parts[: parts.index(verb)]))
            inner = [begin + boundary for boundary in boundaries[verb]]
            examples["".join(parts)] = tuple(sorted({*_ends(parts), *inner}))
    for perfect in perfects:
        for parts in random_.sample(_perfect_forms(perfect), EACH):
            examples["".join(parts)] = _ends(parts)
    return [(word, examples[word]) for word in sorted(examples) if new(word)]


def of_titles(titles: Iterable[str], counts: Mapping[str, int], model: Segmenter, without: Set[str]) -> list[Example]:
    """Return the words of titles with the boundaries of a model, without clitics that titles do not have.

    A pronoun remains where the text has other pronouns after the same letters.
    """
    known = {word for word, count in counts.items() if count >= MIN_COUNT}
    places: dict[str, bool] = {}  # whether a word begins a title
    for title in titles:
        for number, word in enumerate(bare(match[0]) for match in WORD.finditer(_BRACKETS.sub("", title))):
            if 4 <= len(word) <= 12 and word not in without:
                places[word] = places.get(word, False) or number == 0
    words = sorted(places)
    examples = []
    for word, boundaries in zip(words, model.boundaries(words), strict=True):
        parts = segments(word, boundaries)
        proclitics = sum(1 for _ in takewhile(_PROCLITICS.__contains__, parts[:-1]))
        if places[word] and parts[0] in _CONJUNCTIONS:
            parts[: proclitics + 1] = ["".join(parts[: proclitics + 1])]
        if len(parts) > 1 and parts[-1] in _ENDINGS and not _has_pronouns(word.removesuffix(parts[-1]), known):
            parts[-2:] = ["".join(parts[-2:])]
        examples.append((word, _ends(parts)))
    return examples


def imperfects(known: Set[str]) -> list[str]:
    """Return the known words that occur in other persons of the imperfect."""
    return sorted(word for word in known if 4 <= len(word) <= 8 and _is_imperfect(word, known))


def _has_pronouns(stem: str, known: Set[str]) -> bool:
    return sum(stem + pronoun in known for pronoun in _EVIDENCE) >= 3


def _is_imperfect(word: str, known: Set[str]) -> bool:
    persons = [person + word[1:] for person in "يتنا" if person != word[0]]
    return word[0] in "يتن" and sum(person in known for person in persons) >= 2


def _is_perfect(stem: str, known: Set[str]) -> bool:
    """Return whether a stem, known with ت, is that of a perfect: it has other persons, and an imperfect."""
    if not 2 <= len(stem) <= 6 or sum(stem + person in known for person in ("وا", "نا", "و")) < 2:
        return False
    return any(person + stem in known for person in "يتن") or stem in known


def _ends(parts: list[str]) -> Boundaries:
    return tuple(accumulate(map(len, parts[:-1])))


def _perfect_forms(stem: str) -> list[list[str]]:
    """Return forms of a perfect with objects, datives and negation, as segments."""
    subjects = [[stem, person] for person in ("ت", "نا", "و")]
    objects = [[*form, pronoun] for form in subjects for pronoun in ("ك", "ه", "ها", "هم", "كم")]
    datives = [[*form, "ل", pronoun] for form in subjects for pronoun in ("ك", "ه", "ها", "هم", "ي")]
    return [*objects, *datives, *([no, *form, "ش"] for no in ("ما", "م") for form in subjects)]


def _forms(verb: str) -> list[list[str]]:
    """Return forms of an imperfect in the dialects, as segments."""
    aspects: list[list[str]] = [[lead, verb] for lead in ("ب", "ه", "ح", "ك")]
    negated = [[no, *form, "ش"] for no in ("ما", "م") for form in (*aspects[:2], [verb])]
    objects = [[*form, pronoun] for form in ([verb], aspects[0]) for pronoun in _OBJECTS]
    datives = [[*form, "ل", pronoun] for form in ([verb], aspects[0]) for pronoun in ("ك", "ه", "ها", "هم", "ي", "نا")]
    return [*aspects, *negated, *objects, *datives]
