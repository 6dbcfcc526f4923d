"""Bits per byte of validation text without a neural network: compressors, and an interpolated n-gram of tokens.

A compressor's figure is the growth of its output when the validation text is appended to the training text. gzip and
zstd refer back to at most 32 kB and 128 MB of text, xz to 256 MB.

The n-gram predicts the targets of the validation rows that the model predicts, with the same tokenizer:
p(w | h) = (c(h, w) + t(h) p(w | h')) / (c(h) + t(h)), where h' is h without its first token and t(h) the number of
different tokens after h (Witten and Bell 1991); below the unigram, all ids are equally likely.
"""

from __future__ import annotations

import lzma
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import zstandard

from sharding.rows import Dataset, Split

XZ = {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 28}
ORDER = 3
ROWS = 1024


def compressed(training: bytes, validation: bytes) -> dict[str, float]:
    """Return bits per byte of the validation text after the training text, by compressor."""
    window = zstandard.ZstdCompressionParameters.from_level(19, window_log=27, enable_ldm=True)
    sizes: dict[str, Callable[[bytes], int]] = {
        "gzip": lambda data: len(zlib.compress(data, 9)),
        "xz": lambda data: len(lzma.compress(data, filters=[XZ])),
        "zstd": lambda data: len(zstandard.ZstdCompressor(compression_params=window).compress(data)),
    }
    return {name: 8 * (size(training + validation) - size(training)) / len(validation) for name, size in sizes.items()}


def ngram_nats(data: Dataset) -> float:
    """Return the sum of nats of the validation targets that have bytes."""
    follows: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(ORDER)]
    for tokens in _targets(data.train):
        for order in range(min(ORDER, len(tokens))):
            follows[order][tokens[-1 - order :]] += 1
    totals: Counter[tuple[int, ...]] = Counter()
    kinds: Counter[tuple[int, ...]] = Counter()
    for counts in follows:
        for tokens, count in counts.items():
            totals[tokens[:-1]] += count
            kinds[tokens[:-1]] += 1
    has_bytes = (np.load(data.tokenizer / "token_bytes.npy") > 0).tolist()
    nats = 0.0
    for tokens in _targets(data.validation):
        probability = 1 / data.layout.vocab_size
        for order in range(min(ORDER, len(tokens))):
            before = tokens[len(tokens) - 1 - order : -1]
            if not totals[before]:
                break
            count, kind = follows[order][tokens[-1 - order :]], kinds[before]
            probability = (count + kind * probability) / (totals[before] + kind)
        if has_bytes[tokens[-1]]:
            nats -= math.log(probability)
    return nats


def _targets(split: Split) -> Iterator[tuple[int, ...]]:
    """Yield each target with the tokens before it in its document and row, at most ORDER tokens."""
    for first in range(0, split.rows, ROWS):
        batch = split.read(range(first, min(first + ROWS, split.rows)))
        rows = zip(batch.ids.tolist(), batch.starts.tolist(), batch.is_target.tolist(), strict=True)
        for ids, starts, is_target in rows:
            begin = 0
            for position, target in enumerate(is_target):
                if target:
                    yield tuple(ids[max(begin, position - ORDER + 1) : position + 1])
                if starts[position]:
                    begin = position
