"""The table of segmenters: `python -m benchmarks.tokenization.segmenters --data DIR --gold TSV`.

Boundary precision, recall, F1 and exact words over the tokens of gold. The scores of `learned` are cross-validated,
five folds by word type, as stored beside the weights by `tokenization.morphology.train_learned`: the installed model
was trained on all of WikiNews, so its scores there are not meaningful. `camel` uses Buckwalter's tables of 2002 (see
`buckwalter`), weighted by the words of the corpus without gold. Then the seconds for a million different words are
measured. The result is a dated JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import accumulate, product
from pathlib import Path

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from benchmarks.tokenization.buckwalter import convert
from benchmarks.tokenization.frontier import documents
from tokenization.model import pretoken_pattern
from tokenization.morphology import (
    Boundaries,
    CamelSegmenter,
    LearnedSegmenter,
    RuleSegmenter,
    Segmenter,
    read_gold,
    score,
    segment_words,
    word_boundaries,
)
from tokenization.training import count_pretokens, word_counts

CORPUS = 100_000  # number of most frequent corpus words by which camel's analyses are weighted
MILLION = 1_000_000
COLUMNS = ("precision", "recall", "f1", "exact")


class Regexes:
    """The boundaries set by the pre-token pattern with clitics."""

    def __init__(self) -> None:
        self._split = Split(Regex(pretoken_pattern(clitics=True)), "isolated")

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""
        pieces = [[len(piece) for piece, _ in self._split.pre_tokenize_str(word)] for word in words]
        return [tuple(accumulate(sizes[:-1])) for sizes in pieces]


class Whole:
    """No boundaries, for words without an analysis of camel."""

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order."""
        return [()] * len(words)


def main() -> None:
    """Score, time, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--gold", type=Path, required=True, help="wikinews_tokens.tsv")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    gold = read_gold(arguments.gold)
    corpus = word_counts(count_pretokens(documents(arguments.data, held_out=False), pretoken_pattern()))

    provenance = json.loads(
        files("tokenization.morphology").joinpath("data/segmenter.json").read_text(encoding="utf-8")
    )
    rows = {"learned, 5-fold by type": {name: provenance["cross_validated"][name] for name in COLUMNS}}
    with tempfile.TemporaryDirectory() as folder:
        database = convert(Path(folder) / "buckwalter.db")
        camel = {
            f"camel, others {name}": CamelSegmenter(database, dict(Counter(corpus).most_common(CORPUS)), others)
            for name, others in (("whole", Whole()), ("by rules", RuleSegmenter()))
        }
    segmenters: dict[str, Segmenter] = {"rules": RuleSegmenter(), "regex": Regexes(), **camel}
    for name, segmenter in segmenters.items():
        predicted = dict(segment_words((word for word, _ in gold), segmenter))
        figures = score(gold, predicted).figures()
        rows[name] = {column: figures[column] for column in COLUMNS}
    for name, figures in rows.items():
        print(f"{name:26}", *(f"{column} {figures[column]:.3f}" for column in COLUMNS))

    clitics = ("", "و", "ب", "ال", "وال", "ل")
    words = list(dict.fromkeys(clitic + word for clitic, word in product(clitics, sorted(corpus))))[:MILLION]
    seconds = {}
    for name, segmenter in (("learned", LearnedSegmenter.shipped()), ("rules", RuleSegmenter())):
        word_boundaries(segmenter, words[:100])
        begin = time.process_time()
        word_boundaries(segmenter, words)
        seconds[name] = time.process_time() - begin
    print(f"{len(words):,} words, processor seconds: {seconds}")

    path = arguments.out / f"segmenters-{datetime.now(UTC):%Y-%m-%d}.json"
    result = {"wikinews": rows, "words": len(words), "processor_seconds": seconds}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
