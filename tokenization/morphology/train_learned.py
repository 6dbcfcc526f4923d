"""Train the learned segmenter: `python -m tokenization.morphology.train_learned --gold TSV --text FILE... --out NPZ`.

First, statistics of unlabelled text are made: counts of Arabic words, and, by expectation-maximisation over open-stem
analyses, the probabilities of stems, prefixes and suffixes. Then a logistic regression is trained on gold (AdaGrad
with an L2 penalty, in an order fixed by a seed), and trained again with added examples: from the words of the text
(see `dialect_examples`), from their paradigms and from the titles of an encyclopaedia (`paradigms`). `--folds 5` also
reports cross-validated figures, with folds by word type, so that each word is segmented by a model that was not
trained on it. Use only text whose licence permits it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenization.morphology.conventions import error_kinds
from tokenization.morphology.dialect_examples import MIN_COUNT, examples
from tokenization.morphology.features import (
    BITS,
    FEATURES,
    LONGEST,
    PREFIXES,
    SUFFIXES,
    encode_letters,
    fill_margins,
    find_slot,
    hash_letters,
    level,
    list_analyses,
    list_features,
)
from tokenization.morphology.gold import read_gold, score
from tokenization.morphology.learned import FORMAT, LearnedSegmenter, Tables, affixes, build_table
from tokenization.morphology.paradigms import formed, imperfects, of_titles
from tokenization.morphology.proclitics import with_proclitics, without_proclitics
from tokenization.morphology.segmenter import WORD, Boundaries, bare

ROUNDS, EPOCHS = 6, 30
RATE, PENALTY = 0.15, 0.15


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, required=True, help="TSV of word and segments")
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="unlabelled text: .txt, .csv, .jsonl.zst")
    parser.add_argument("--titles", type=Path, help=".jsonl.zst of articles whose first lines are titles")
    parser.add_argument(
        "--out", type=Path, required=True, help="the .npz to write; its inputs are listed in a .json beside it"
    )
    parser.add_argument("--folds", type=int, default=5, help="number of folds of cross-validation; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    gold = read_gold(options.gold)
    counts = Counter(_words(options.text))
    titles = [text.partition("\n")[0] for text in _texts(options.titles)] if options.titles else []
    tables, arrays = make_tables(counts)
    provenance: dict[str, Any] = {
        "seed": options.seed,
        "gold": _provenance(options.gold),
        "text": [_provenance(path) for path in options.text],
        **({"titles": _provenance(options.titles)} if options.titles else {}),
    }
    if options.folds:
        predicted = cross_validate(gold, counts, tables, options.folds, options.seed, titles)
        provenance["cross_validated"] = {
            "folds": options.folds,
            **score(gold, predicted).figures(),
            "errors": error_kinds(gold, predicted),
        }
    words = {word for word, _ in gold}
    weights = train_segmenter(_types(gold), counts, tables, options.seed, words, titles).weights.astype(np.float16)
    np.savez_compressed(options.out, allow_pickle=False, format=np.int64(FORMAT), weights=weights, **arrays)
    options.out.with_suffix(".json").write_text(
        json.dumps(provenance, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    sys.stdout.write(json.dumps(provenance.get("cross_validated", {}), indent=1) + "\n")


def cross_validate(
    gold: Sequence[tuple[str, Boundaries]],
    counts: Mapping[str, int],
    tables: Tables,
    folds: int,
    seed: int,
    titles: Sequence[str] = (),
) -> dict[str, Boundaries]:
    """Return the boundaries of every word of gold by a model of the other folds' words."""
    types = _types(gold)
    random.Random(seed).shuffle(types)
    words = {word for word, _ in gold}
    predicted: dict[str, Boundaries] = {}
    for fold in range(folds):
        model = train_segmenter(
            [word_and_boundaries for number, word_and_boundaries in enumerate(types) if number % folds != fold],
            counts,
            tables,
            seed,
            words,
            titles,
        )
        words_of_fold = [word for word, _ in types[fold::folds]]
        predicted |= dict(zip(words_of_fold, model.boundaries(words_of_fold), strict=True))
    return predicted


def train_segmenter(
    types: Sequence[tuple[str, Boundaries]],
    counts: Mapping[str, int],
    tables: Tables,
    seed: int,
    without: Set[str],
    titles: Sequence[str] = (),
) -> LearnedSegmenter:
    """Return a model trained on these words and on examples from counts and titles, none of which is in `without`."""
    first = LearnedSegmenter(fit(types, tables, seed), tables)
    of_text = dict(examples(counts, first, without, seed))
    # Where two sources have a word, the titles are right about clitics, and the text about its parallels.
    added = dict(formed(counts, first, without, seed)) | dict(without_proclitics(counts, first, without)) | of_text
    added |= dict(of_titles(titles, counts, first, without))
    verbs = imperfects({word for word, count in counts.items() if count >= MIN_COUNT and word not in without})
    early = with_proclitics(counts, verbs, first, without, seed)
    return LearnedSegmenter(fit([*types, *sorted(added.items())], tables, seed, early), tables)


def fit(
    types: Sequence[tuple[str, Boundaries]],
    tables: Tables,
    seed: int,
    early: Sequence[tuple[str, Boundaries]] = (),
) -> NDArray[np.float32]:
    """Return weights that separate boundaries from other positions in these words.

    The words of `early` are read in the first half of the epochs only: they teach what `types` lack, and do not change
    how frequent a boundary is.
    """
    words = [*types, *early]
    letters, offsets = encode_letters([word for word, _ in words])
    is_boundary = np.zeros(len(letters), np.bool_)
    for begin, (_, boundaries) in zip(offsets.tolist(), words, strict=False):
        is_boundary[[begin + boundary for boundary in boundaries]] = True
    features, starts, labels = _examples(letters, offsets, affixes(), tables.margin_model(), tables.words, is_boundary)
    order = np.random.default_rng(seed)
    weights, squares, total = np.zeros(1 << BITS), np.full(1 << BITS, 1e-6), np.zeros(1 << BITS)
    uses = np.bincount(features, minlength=1 << BITS).clip(1)
    places = sum(len(word) - 1 for word, _ in types if 2 <= len(word) <= LONGEST)
    for epoch in range(EPOCHS):
        chosen = order.permutation(len(labels) if epoch < EPOCHS // 2 else places)
        _epoch(features, starts, labels, chosen, weights, squares, PENALTY / uses)
        if epoch >= EPOCHS // 2:
            total += weights
    return (total / (EPOCHS - EPOCHS // 2)).astype(np.float32)


def make_tables(counted: Mapping[str, int]) -> tuple[Tables, dict[str, NDArray[Any]]]:
    """Return the statistics of unlabelled words as tables, and as arrays to store.

    `counted`: number of occurrences of each bare word. Words that occur once or have more than 40 letters are ignored.
    """
    types = sorted((word, count) for word, count in counted.items() if count >= 2 and len(word) <= LONGEST)
    letters, offsets = encode_letters([word for word, _ in types])
    weight = np.log1p([count for _, count in types])
    capacity = 1 << 23
    keys, mass = np.zeros(capacity, np.uint64), np.zeros(capacity)
    prefixes, suffixes = np.full(len(PREFIXES), 1 / len(PREFIXES)), np.full(len(SUFFIXES), 1 / len(SUFFIXES))
    for turn in range(ROUNDS):
        mass, prefixes, suffixes = _round(
            letters, offsets, weight, affixes(), keys, mass, prefixes, suffixes, turn == 0
        )
    prefix_scores = np.log(prefixes / prefixes.sum() + 1e-6).astype(np.float32)
    suffix_scores = np.log(suffixes / suffixes.sum() + 1e-6).astype(np.float32)
    kept = np.flatnonzero(mass >= 1.0)
    stems = keys[kept], np.rint(8 * np.log(mass[kept])).clip(0, 255).astype(np.uint8)
    frequent = [number for number, (_, count) in enumerate(types) if count >= MIN_COUNT]
    hashes = np.array([hash_letters(letters, *offsets[number : number + 2], 0) for number in frequent], np.uint64)
    levels = np.array([level(types[number][1]) for number in frequent], np.uint8)
    arrays = {
        **dict(zip(("word_keys", "word_levels"), _sorted(hashes, levels), strict=True)),
        **dict(zip(("stem_keys", "stem_levels"), _sorted(*stems), strict=True)),
        "prefixes": prefix_scores,
        "suffixes": suffix_scores,
    }
    word_table = build_table(arrays["word_keys"], arrays["word_levels"])
    stem_table = build_table(arrays["stem_keys"], arrays["stem_levels"])
    return Tables(word_table, stem_table, prefix_scores, suffix_scores), arrays


def _sorted(keys: NDArray[np.uint64], levels: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    order = np.argsort(keys, kind="stable")
    return keys[order], levels[order]


def _types(gold: Sequence[tuple[str, Boundaries]]) -> list[tuple[str, Boundaries]]:
    return sorted(dict(gold).items())


def _words(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the Arabic words of text files, without marks."""
    for path in paths:
        for text in _texts(path):
            yield from (bare(word) for word in WORD.findall(text))


def _texts(path: Path) -> Iterator[str]:
    if path.name.endswith(".jsonl.zst"):
        import zstandard

        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file)
            for line in io.TextIOWrapper(reader, encoding="utf-8"):
                yield json.loads(line)["text"]
    else:
        with path.open(encoding="utf-8") as file:
            yield from file


def _provenance(path: Path) -> dict[str, str]:
    return {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


@njit(cache=True)
def _examples(letters, offsets, affixes, model, words, is_boundary):  # type: ignore[no-untyped-def]
    """Return the features of all positions, concatenated; the offset of each; and whether it is a boundary."""
    places = len(letters)
    features, starts = np.empty(places * FEATURES, np.int64), np.zeros(places + 1, np.int64)
    labels = np.zeros(places, np.bool_)
    best = np.empty((2, LONGEST), np.float64)
    buffers = np.empty((64, 2), np.int64), np.empty((64, 2), np.int64)
    used = count = 0
    for word in range(len(offsets) - 1):
        begin, end = offsets[word], offsets[word + 1]
        if end - begin < 2 or end - begin > LONGEST:
            continue
        fill_margins(letters, begin, end, affixes, model, buffers, best)
        for place in range(1, end - begin):
            used += list_features(letters, begin, end, place, words, best, features[used:])
            labels[count] = is_boundary[begin + place]
            count += 1
            starts[count] = used
    return features[:used], starts[: count + 1], labels[:count]


@njit(cache=True)
def _epoch(features, starts, labels, order, weights, squares, penalty):  # type: ignore[no-untyped-def]
    for place in order:
        total = 0.0
        for index in range(starts[place], starts[place + 1]):
            total += weights[features[index]]
        slope = 1 / (1 + np.exp(-total)) - labels[place]
        for index in range(starts[place], starts[place + 1]):
            feature = features[index]
            step = slope + penalty[feature] * weights[feature]
            squares[feature] += step * step
            weights[feature] -= RATE * step / np.sqrt(squares[feature])


@njit(cache=True)
def _round(letters, offsets, weight, affixes, keys, mass, prefixes, suffixes, first):  # type: ignore[no-untyped-def]
    """Run one round of expectation-maximisation; in the first, all analyses of a word have equal probability."""
    new_mass, new_prefixes, new_suffixes = np.zeros_like(mass), np.zeros_like(prefixes), np.zeros_like(suffixes)
    all_mass, all_prefixes, all_suffixes = mass.sum() + 1.0, prefixes.sum(), suffixes.sum()
    before, after = np.empty((64, 2), np.int64), np.empty((64, 2), np.int64)
    slots, chances = np.empty(64, np.int64), np.empty(64)
    for word in range(len(offsets) - 1):
        begin, end = offsets[word], offsets[word + 1]
        count, total = list_analyses(letters, begin, end, affixes[0], affixes[2], before, after), 0.0
        for number in range(count):
            key = hash_letters(letters, begin + before[number, 1], end - after[number, 1], 2)
            slot = find_slot(keys, key)
            keys[slot] = key
            slots[number], chances[number] = slot, 1.0
            if not first:
                chances[number] = (mass[slot] + 1e-3) / all_mass
                chances[number] *= (prefixes[before[number, 0]] + 1e-3) / all_prefixes
                chances[number] *= (suffixes[after[number, 0]] + 1e-3) / all_suffixes
            total += chances[number]
        for number in range(count):
            share = weight[word] * chances[number] / total
            new_mass[slots[number]] += share
            new_prefixes[before[number, 0]] += share
            new_suffixes[after[number, 0]] += share
    return new_mass, new_prefixes, new_suffixes


if __name__ == "__main__":
    main()
