"""Speed of the segmentation of a million word types, and of the figures of the report."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.tokenization.timed import Timer

TYPES = 1_000_000
MEASURED = 4_000_000
"""Approximate characters for the speed of the report."""


def segmenting(texts: list[str]) -> dict[str, Any]:
    """Segment a million Arabic word types: those of the texts, and the most frequent ones with added clitics."""
    from tokenization.morphology import WORD, LearnedSegmenter, word_boundaries

    seen = Counter(word for text in texts for word in WORD.findall(text))
    types = dict.fromkeys(word for word, _ in seen.most_common(TYPES))
    affixes = itertools.product(("", "و", "وال", "بال", "فل"), ("", "ها", "هم", "نا", "ون"))
    for before, after in affixes:
        if len(types) >= TYPES:
            break
        types.update(dict.fromkeys(before + word + after for word in list(seen)))
    words = list(types)[:TYPES]
    learned = LearnedSegmenter.shipped()
    word_boundaries(learned, words[:1_000])
    with Timer() as timer:
        word_boundaries(learned, words)
    return {"types": len(words), "of the texts": min(len(seen), TYPES), **timer.seconds()}


def reporting(trained: Path, texts: list[str]) -> dict[str, Any]:
    """Compute all counts of the report on a text, including encoding, and then the intervals."""
    from tokenization.evaluation import figures, intervals, measure
    from tokenization.model import Encoder, Tokenizer

    sample = [text[:2_000] for text in texts]
    kept = sample[:: max(1, sum(map(len, sample)) // MEASURED)]
    encoder = Encoder(Tokenizer.load(trained))
    measure(encoder, kept[:50])
    with Timer() as counting:
        counts = measure(encoder, kept)
        figures(counts)
    with Timer() as drawing:
        intervals(counts)
    size = sum(len(text.encode()) for text in kept) / 1e6
    return {
        "megabytes": size,
        "MB a cpu-second": size / counting.cpu,
        "intervals, cpu-seconds": drawing.cpu,
        "documents": len(kept),
    }
