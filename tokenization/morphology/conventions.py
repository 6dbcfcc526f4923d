"""Gold of other conventions, and errors by kind.

The segmenters follow Farasa: the article and the endings of number and gender are segments. Universal Dependencies
(PUD, PADT) and other treebanks split clitics only. Boundaries are projected to such gold: an article and an ending
belong to the stem. The projection is a rule on segments and reads no gold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Literal

from tokenization.morphology.segmenter import Boundaries, segments

Convention = Literal["farasa", "clitics"]

PROCLITICS = frozenset(["و", "ف", "ب", "ل", "ك", "س", "ال", "ه", "ح", "ع", "م", "ما", "يا"])
PRONOUNS = frozenset(["ه", "ها", "هم", "هن", "هما", "ك", "كم", "كن", "كو", "كما", "نا", "ي", "ني", "و", "ش"])
ENDINGS = frozenset(["ة", "ات", "ون", "ين", "ان", "ت", "تا", "تين", "وا", "ا", "ن", "تم"])
_ARTICLES = 20  # words with an article that show a convention
_SHORT = 4  # letters of a short word


def convention_of(gold: Sequence[tuple[str, Boundaries]]) -> Convention:
    """Return the convention of gold: "clitics" if articles are hardly ever split, as Farasa's scheme always does."""
    articles = [2 in boundaries for word, boundaries in gold if word.startswith("ال") and len(word) > _SHORT]
    return "clitics" if len(articles) >= _ARTICLES and sum(articles) < len(articles) / 20 else "farasa"


def to_clitics(word: str, boundaries: Boundaries) -> Boundaries:
    """Return the boundaries of clitics: without those between an article, a stem and its endings."""
    parts = segments(word, boundaries)
    last = len(parts)
    while last > 1 and parts[last - 1] in PRONOUNS and parts[last - 1] not in ENDINGS:
        last -= 1
    first = 0
    while first < last - 1 and parts[first] in PROCLITICS and parts[first] != "ال":
        first += 1
        if parts[first - 1] == "ل" and parts[first].startswith("ل"):  # للبيت: ل and an article without its alef
            break
    stem = "".join(parts[first:last])
    return tuple(accumulate(map(len, [*parts[:first], stem, *parts[last:]][:-1])))


def error_kinds(
    gold: Sequence[tuple[str, Boundaries]], predicted: Mapping[str, Boundaries]
) -> dict[str, dict[str, int]]:
    """Return the numbers of boundaries that are missed and false, over tokens, by kind.

    `proclitic`, `pronoun` and `ending`: the segment that the boundary sets apart in the segmentation that has it.
    `short word`: false boundaries in words of up to four letters that are one segment. `stem`: all others.
    """
    kinds = {kind: {"missed": 0, "false": 0} for kind in ("proclitic", "pronoun", "ending", "short word", "stem")}
    for word, boundaries in gold:
        ours = predicted[word]
        for boundary in set(boundaries) - set(ours):
            kinds[_kind(word, boundaries, boundary)]["missed"] += 1
        for boundary in set(ours) - set(boundaries):
            short = not boundaries and len(word) <= _SHORT
            kinds["short word" if short else _kind(word, ours, boundary)]["false"] += 1
    return kinds


def _kind(word: str, boundaries: Boundaries, boundary: int) -> str:
    parts, place = segments(word, boundaries), boundaries.index(boundary)
    if all(part in PROCLITICS for part in parts[: place + 1]):
        return "proclitic"
    after = parts[place + 1 :]
    if after[0] in PRONOUNS and all(part in PRONOUNS or part == "ل" for part in after):
        return "pronoun"
    return "ending" if after[0] in ENDINGS else "stem"
