"""Scores against gold segmentation: precision, recall and F1 of morpheme boundaries.

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
    """Boundary counts over tokens.

    `tokens`: number of tokens. `hits`: boundaries that are predicted and true. `predicted`: predicted boundaries.
    `true`: true boundaries. `exact`: tokens with exactly the true boundaries. `crossed`: tokens with a true boundary
    that is not predicted, so that a segment or a tokenizer's token runs across it.
    """

    tokens: int
    hits: int
    predicted: int
    true: int
    exact: int
    crossed: int

    @property
    def precision(self) -> float:
        """Share of predicted boundaries that are true; 1 if none is predicted."""
        return self.hits / self.predicted if self.predicted else 1.0

    @property
    def recall(self) -> float:
        """Share of true boundaries that are predicted; 1 if there is none."""
        return self.hits / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.hits / (self.predicted + self.true) if self.predicted + self.true else 1.0

    def figures(self) -> dict[str, float]:
        """Return all figures of a table; `exact` and `crossed` as shares of the tokens."""
        return {
            "tokens": self.tokens,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "exact": self.exact / self.tokens if self.tokens else 1.0,
            "crossed": self.crossed / self.tokens if self.tokens else 0.0,
        }


def read_gold(path: Path) -> list[tuple[str, Boundaries]]:
    """Read words and their true boundaries, one for each line.

    Raises GoldError for an unreadable or empty file, or for a line whose segments do not concatenate to its word.
    """
    gold = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GoldError(f"{path}: cannot be read as text ({error}); give a TSV of word and segments") from error
    for number, line in enumerate(lines, 1):
        word, _, segmentation = line.partition("\t")
        parts = segmentation.split("+")
        if not all(parts) or "".join(parts) != word:
            raise GoldError(
                f"{path}, line {number}: the segments do not concatenate to the word; write word<TAB>segment+segment"
            )
        ends = [sum(map(len, parts[:count])) for count in range(1, len(parts))]
        gold.append((word, tuple(ends)))
    if not gold:
        raise GoldError(f"{path}: contains no words; give a TSV of word and segments")
    return gold


def score(gold: Sequence[tuple[str, Boundaries]], predicted: Mapping[str, Boundaries]) -> Score:
    """Compare predicted boundaries with gold; `predicted` must have an entry for every word of `gold`."""
    hits = all_predicted = true = exact = crossed = 0
    for word, boundaries in gold:
        ours, theirs = set(predicted[word]), set(boundaries)
        hits += len(ours & theirs)
        all_predicted += len(ours)
        true += len(theirs)
        exact += ours == theirs
        crossed += not theirs <= ours
    return Score(len(gold), hits, all_predicted, true, exact, crossed)
