"""Scores against gold segmentation: how many of the true morpheme boundaries are found, and how many found are true.

Gold is a file of lines `word<TAB>segment+segment`, one for each token of a text. Figures are micro-averages over
tokens, as in the literature on Arabic segmentation (Abdelali et al. 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenization.errors import GoldError
from tokenization.morphology.segmenter import Boundaries


@dataclass(frozen=True, slots=True)
class Score:
    """Boundary counts over tokens: `hits` are found and true; `exact` tokens have all boundaries and no other.

    `crossed` tokens have a true boundary that was not found: a segment, or a tokenizer's token, runs across it.
    """

    tokens: int
    hits: int
    found: int
    true: int
    exact: int
    crossed: int

    @property
    def precision(self) -> float:
        """Of the boundaries found, the share that is true; 1 where none was found."""
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of the true boundaries, the share that was found; 1 where there is none."""
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.hits / (self.found + self.true) if self.found + self.true else 1.0

    def figures(self) -> dict[str, float]:
        """Everything a table shows; `exact` and `crossed` as shares of the tokens."""
        return {
            "tokens": self.tokens,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "exact": self.exact / self.tokens if self.tokens else 1.0,
            "crossed": self.crossed / self.tokens if self.tokens else 0.0,
        }


def read_gold(path: Path) -> list[tuple[str, Boundaries]]:
    """Words and their true cuts, one for each line. Raises GoldError for an empty file, or a line that is none."""
    gold = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GoldError(f"{path}: can't be read as text ({error}); name a TSV of word and segments") from error
    for number, line in enumerate(lines, 1):
        word, _, segmentation = line.partition("\t")
        parts = segmentation.split("+")
        if not all(parts) or "".join(parts) != word:
            raise GoldError(
                f"{path}, line {number}: segments don't concatenate to the word; write word<TAB>segment+segment"
            )
        ends = [sum(map(len, parts[:count])) for count in range(1, len(parts))]
        gold.append((word, tuple(ends)))
    if not gold:
        raise GoldError(f"{path}: holds no words; name a TSV of word and segments")
    return gold


def score(gold: Sequence[tuple[str, Boundaries]], predicted: Mapping[str, Boundaries]) -> Score:
    """Compare; `found` has the cuts of every word in `gold`."""
    hits = all_found = true = exact = crossed = 0
    for word, boundaries in gold:
        ours, theirs = set(predicted[word]), set(boundaries)
        hits += len(ours & theirs)
        all_found += len(ours)
        true += len(theirs)
        exact += ours == theirs
        crossed += not theirs <= ours
    return Score(len(gold), hits, all_found, true, exact, crossed)
