"""Bits per byte of validation text without a neural network: compressors, and an interpolated n-gram of tokens.

Conversations are left out, since only a part of their text is trained on.

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
from pathlib import Path
from typing import Any

import numpy as np
import polars
import zstandard

from sharding.layout import StratumLayout
from sharding.rows import Dataset, Split

XZ = {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 28}
ORDER = 3
ROWS = 1024
CHAT = "chat"


def baselines(out: Path) -> dict[str, float]:
    """Return bits per byte of the validation text of a build in the folder `out`, by compressor and 3-gram."""
    dataset = Dataset(out / "dataset", schedule=None)
    size = sum(stratum.bytes for stratum in _strata(dataset.validation))
    return {**compressors(out), f"{ORDER}-gram": _ngram_nats(dataset) / math.log(2) / size}


def compressors(out: Path) -> dict[str, float]:
    """Return bits per byte of the validation text of a build in the folder `out`, by compressor."""
    return _compressed(*_texts(out, Dataset(out / "dataset", schedule=None)))


def bits_per_byte(validation: dict[str, Any]) -> float:
    """Return the bits per byte of one validation of a run (metrics.jsonl), conversations left out."""
    groups = validation.get("by_category") or {"": validation}
    parts = [group for name, group in groups.items() if name != CHAT]
    return float(sum(part["bits_per_byte"] * part["bytes"] for part in parts) / sum(part["bytes"] for part in parts))


def _strata(split: Split) -> list[StratumLayout]:
    return [stratum for stratum in split.strata if stratum.category != CHAT]


def _compressed(training: bytes, validation: bytes) -> dict[str, float]:
    window = zstandard.ZstdCompressionParameters.from_level(19, window_log=27, enable_ldm=True)
    sizes: dict[str, Callable[[bytes], int]] = {
        "gzip": lambda data: len(zlib.compress(data, 9)),
        "xz": lambda data: len(lzma.compress(data, filters=[XZ])),
        "zstd": lambda data: len(zstandard.ZstdCompressor(compression_params=window).compress(data)),
    }
    return {name: 8 * (size(training + validation) - size(training)) / len(validation) for name, size in sizes.items()}


def _texts(out: Path, dataset: Dataset) -> tuple[bytes, bytes]:
    """Return the text of the training and of the validation documents."""
    held_out = np.concatenate([dataset.validation.segments(row)["document"] for row in range(dataset.validation.rows)])
    tables = out / "dataset" / "documents" / "*.parquet"  # those of conversations have a column more
    documents = polars.scan_parquet(tables, extra_columns="ignore", missing_columns="insert")
    ids = documents.select("id").collect()["id"][np.unique(held_out)]
    texts = polars.read_parquet(out / "unique" / "*.parquet", columns=["id", "text", "category"])
    texts = texts.filter(texts["category"] != CHAT)
    is_held_out = texts["id"].is_in(ids.to_list())
    held, rest = texts.filter(is_held_out)["text"], texts.filter(~is_held_out)["text"]
    return "\n".join(rest).encode(), "\n".join(held).encode()


def _ngram_nats(data: Dataset) -> float:
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
    for stratum in _strata(split):
        end = stratum.first_row + stratum.rows
        for first in range(stratum.first_row, end, ROWS):
            batch = split.read(range(first, min(first + ROWS, end)))
            rows = zip(batch.ids.tolist(), batch.starts.tolist(), batch.is_target.tolist(), strict=True)
            for ids, starts, is_target in rows:
                begin = 0
                for position, target in enumerate(is_target):
                    if target:
                        yield tuple(ids[max(begin, position - ORDER + 1) : position + 1])
                    if starts[position]:
                        begin = position
