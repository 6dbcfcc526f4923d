"""Fertility against morpheme boundaries: `python -m benchmarks.tokenization.frontier --data DIR`.

Tokenizers of each mode are trained on 19 of 20 documents. Their cost is the number of tokens on the other Arabic
documents, all and by kind, and on the words of WikiNews, as a multiple of those of plain BPE. So are the Arabic
ids, counted by their first letter. Boundaries are scored against WikiNews. Its word types are divided into halves: the
segmenter is trained and the settings are chosen on one half, and the scores on the other half, used for neither,
confirm them. The statistics of unlabelled words are those of the installed segmenter. The result is a dated JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from tokenization.evaluation import script_of
from tokenization.evaluation.token_counts import is_whole_characters
from tokenization.model import Encoder, Tokenizer, Vocabulary, VocabularyLayout, pretoken_pattern, tokenizer_files
from tokenization.morphology import Boundaries, LearnedSegmenter, align, read_gold, train_segmenter
from tokenization.options import MorphologyOptions
from tokenization.training import (
    PretokenCounts,
    boundary_flags,
    count_pretokens,
    split_clitics,
    train_merges,
    word_counts,
)

ARABIC = ("arb", "arz", "classical", "hadith", "dialect")
KINDS = {"held_out": ARABIC, "news": ("arb_news",), "wiki": ("arb_wiki",), "classical": ("classical",)}
PENALTIES = (2.0,)  # others are on the same line, see decision 0014
SHARES = (0.86, 0.88, 0.9, 0.91, 0.92, 0.94, 0.96, 0.98, 1.0)
Gold = list[tuple[str, Boundaries]]


def main() -> None:
    """Train, score, choose, confirm, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--gold", type=Path, required=True, help="wikinews_tokens.tsv")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[32_000, 16_000, 64_000, 76_800],
        help="vocabulary sizes; the grid of settings is tried at the first",
    )
    arguments = parser.parse_args()

    chosen_on, confirmed_on = halves(read_gold(arguments.gold))
    train = count_pretokens(documents(arguments.data, held_out=False), pretoken_pattern())
    texts = {
        kind: count_pretokens(documents(arguments.data, held_out=True, names=names), pretoken_pattern())
        for kind, names in KINDS.items()
    }
    gold_words = Counter(f" {word}".encode() for word, _ in [*chosen_on, *confirmed_on])
    texts["wikinews"] = PretokenCounts.of(gold_words)
    tables = LearnedSegmenter.shipped().tables
    words = {word for word, _ in [*chosen_on, *confirmed_on]}
    ends = boundary_flags(train, train_segmenter(sorted(set(chosen_on)), word_counts(train), tables, 0, words))

    rows: list[dict[str, Any]] = []
    for number, size in enumerate(arguments.sizes):
        plain: dict[str, int] = {}
        plain_ids = 0
        for setting in grid() if number == 0 else fixed(rows):
            tokenizer = trained(train, ends, size, setting)
            tokens = {kind: cost(tokenizer, words) for kind, words in texts.items()}
            ids = arabic_ids(tokenizer)
            plain, plain_ids = plain or tokens, plain_ids or ids
            row: dict[str, Any] = {"size": size, **setting.named()}
            row["fertility"] = {text: tokens[text] / plain[text] for text in tokens}
            row["arabic_ids"] = ids / plain_ids
            for name, gold in (("chosen_on", chosen_on), ("confirmed_on", confirmed_on)):
                score = align(tokenizer.split_word, gold)
                row[name] = {key: score.figures()[key] for key in ("f1", "precision", "recall", "crossed")}
            rows.append(row)
            print(json.dumps(row), flush=True)
    path = arguments.out / f"frontier-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(path)


@dataclass(frozen=True, slots=True)
class Setting:
    """A mode of morphology, with or without clitics as pieces of their own, and the digits of a piece."""

    morphology: MorphologyOptions
    regex: bool = False
    digits: int = 1

    def named(self) -> dict[str, Any]:
        soft = self.morphology.mode == "soft"
        return {
            "mode": self.morphology.mode,
            "regex": self.regex,
            "penalty": self.morphology.penalty if soft else None,
            "share": self.morphology.share if soft else None,
        }


def grid() -> Iterator[Setting]:
    """Yield every setting for the first size; plain BPE is the first."""
    for regex in (False, True):
        yield from (Setting(MorphologyOptions(mode), regex) for mode in ("none", "hard"))
    for penalty in PENALTIES:
        yield from (Setting(MorphologyOptions("soft", penalty, share)) for share in SHARES)


def fixed(rows: Sequence[dict[str, Any]]) -> Iterator[Setting]:
    """Yield plain, hard, and the two settings chosen by the grid."""
    yield from (Setting(MorphologyOptions(mode)) for mode in ("none", "hard"))
    for row in points(rows):
        yield Setting(MorphologyOptions("soft", row["penalty"], row["share"]), row["regex"])


def points(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings of best F1 on the choosing half, at up to 1.10 and 1.35 times plain BPE's tokens."""
    tried = [row for row in rows if row["size"] == rows[0]["size"] and row["mode"] == "soft"]
    best = []
    for limit in (1.10, 1.35):
        within = [row for row in tried if row["fertility"]["held_out"] <= limit]
        best.append(max(within, key=lambda row: row["chosen_on"]["f1"]))
    return best


def halves(gold: Gold) -> tuple[Gold, Gold]:
    """Divide gold in two by word type."""
    types = sorted({word for word, _ in gold})
    random.Random(0).shuffle(types)
    first = set(types[: len(types) // 2])
    return [entry for entry in gold if entry[0] in first], [entry for entry in gold if entry[0] not in first]


def documents(data: Path, *, held_out: bool, names: tuple[str, ...] = ("",)) -> Iterator[str]:
    """Yield 19 of 20 documents of the files whose names begin with one of `names`, or every twentieth."""
    for path in sorted((data / "bulk").glob("*.jsonl.zst")):
        if not path.name.startswith(names):
            continue
        with path.open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            for number, line in enumerate(lines):
                if (number % 20 == 7) == held_out:
                    yield json.loads(line)["text"]


def trained(counts: PretokenCounts, ends: Any, size: int, setting: Setting) -> Tokenizer:
    """Train a tokenizer of `size` tokens, bytes included, without its three special tokens."""
    split = pretoken_pattern(setting.digits, clitics=setting.regex)
    merges = train_merges(
        split_clitics(counts, split) if setting.regex else counts,
        size,
        morphology=setting.morphology,
        boundaries=ends,
    )
    files = tokenizer_files(Vocabulary(VocabularyLayout(size + 3), tuple(merges)), split, {})
    return Tokenizer(files["tokenizer.json"], name="tokenizer.json", meta={}, roles={})


def arabic_ids(tokenizer: Tokenizer) -> int:
    """Return the number of tokens whose first letter is Arabic."""
    texts = [piece.decode() for piece in tokenizer.pieces if piece and is_whole_characters(piece)]
    return sum(script_of(text) == "Arabic" for text in texts)


def cost(tokenizer: Tokenizer, held_out: PretokenCounts) -> int:
    """Return the number of tokens of the counted text."""
    words = [(piece.decode(), times) for piece, times in held_out.items()]
    batches = Encoder(tokenizer).encode_part([word for word, _ in words], "").batches
    tokens = [each for batch in batches for each in batch.tokens.tolist()]
    return sum(each * times for each, (_, times) in zip(tokens, words, strict=True))


if __name__ == "__main__":
    main()
