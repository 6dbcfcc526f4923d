"""The rule segmenter: longest match of known prefixes and endings. It needs no training and no data."""

from __future__ import annotations

from collections.abc import Sequence

from tokenization.morphology.segmenter import Boundaries

_ARTICLES = ("و ال", "ف ال", "ب ال", "ك ال", "و ب ال", "ف ب ال", "و ك ال", "ل ل", "و ل ل", "ف ل ل", "ال")
_DIALECT_ARTICLES = ("ه ال", "ع ال", "و ه ال", "و ع ال", "ش ال")
_PARTICLES = ("س", "و س", "ف س", "و ب", "و ل", "ف ل", "ف ب", "و", "ف", "ب", "ل", "ك")
_PRONOUNS = ("هما", "كما", "هم", "هن", "كم", "كن", "كو", "نا", "ني", "ها", "ه", "ك", "ي")
_ENDINGS = ("ات", "ون", "ين", "ان", "ة", "تا", "وا", "تم", "ت", "ا")
_BEFORE_PRONOUNS = ("ات", "ت", "ا")
_DIALECT_ENDINGS = ("هاش", "وش", "تش", "ناش", "لهم", "لها", "لنا")
_WEAK = frozenset("ايكت")  # final letters that often belong to the stem
_MIN_STEM = 3  # letters


def _longest_first(affixes: Sequence[str]) -> list[tuple[str, ...]]:
    """Affixes as tuples of morphemes, by falling number of letters."""
    return sorted((tuple(affix.split()) for affix in affixes), key=lambda parts: -sum(map(len, parts)))


class RuleSegmenter:
    """Splits off the longest known prefix and the longest known ending that leave a stem of three letters.

    The stem must have four letters if the affix is a single letter that often belongs to the stem: a particle, or a
    final alef, ya, kaf or ta.
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

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""
        return [self._boundaries(word) for word in words]

    def _boundaries(self, word: str) -> Boundaries:
        prefix: tuple[str, ...] = ()
        for parts in self._prefixes:
            affix = "".join(parts)
            min_stem = _MIN_STEM if affix.endswith(("ال", "لل")) else _MIN_STEM + 1
            if word.startswith(affix) and len(word) - len(affix) >= min_stem:
                prefix = parts
                break
        rest = len(word) - sum(map(len, prefix))
        ending: tuple[str, ...] = ()
        for parts in self._endings:
            affix = "".join(parts)
            min_stem = _MIN_STEM + (parts[-1] in _WEAK)
            if word.endswith(affix) and rest - len(affix) >= min_stem:
                ending = parts
                break
        stem = word[sum(map(len, prefix)) : len(word) - sum(map(len, ending))]
        ends, position = [], 0
        for part in (*prefix, stem, *ending):
            position += len(part)
            ends.append(position)
        return tuple(ends[:-1])
