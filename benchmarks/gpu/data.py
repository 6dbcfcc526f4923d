"""Sealed datasets for timing, whose ids a model learns to predict in about a hundred steps.

Each id is one of 2,048 spread over the vocabulary and is followed by one of eight. The loss therefore falls from the
logarithm of the vocabulary towards ln 8 = 2.08, and shows a difference between two precisions. Needs only numpy.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharding.layout import SEGMENT, DatasetLayout, SplitLayout, StratumLayout, dtype_for, shard_name
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import Manifest, hash_file, read_manifest, write_json, write_manifest

KINDS = 2_048  # distinct ids
CHOICES = 8  # ids that may follow an id


def chain(rows: int, row_tokens: int, vocab_size: int) -> npt.NDArray[np.int64]:
    """Return (rows, row_tokens) ids of the chain."""
    random = np.random.default_rng(0)
    kinds = min(KINDS, vocab_size)
    ids = np.empty((rows, row_tokens), np.int64)
    ids[:, 0] = random.integers(0, kinds, rows)
    choices = random.integers(0, CHOICES, (rows, row_tokens))
    for position in range(1, row_tokens):
        ids[:, position] = (5 * ids[:, position - 1] + 1 + choices[:, position]) % kinds
    return ids * (vocab_size // kinds)


def write(folder: Path, *, vocab_size: int, row_tokens: int, batch_rows: int, steps: int) -> Path:
    """Write a dataset for `steps` steps of `batch_rows` rows, without validation rows. Returns the folder."""
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "shards").mkdir()
    tokenizer = folder / "tokenizer/tokenizer.json"
    tokenizer.write_text(json.dumps({"added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}))
    for name in ("token_bytes", "token_chars"):
        np.save(folder / f"tokenizer/{name}.npy", np.ones(vocab_size, np.int32))
    dtype, rows = dtype_for(vocab_size), batch_rows * steps
    segments = np.zeros(rows, SEGMENT)
    segments["document"], segments["length"] = np.arange(rows), row_tokens
    shard = folder / shard_name("train", 0, 1)
    chain(rows, row_tokens, vocab_size).astype(dtype).tofile(shard.with_suffix(".bin"))
    segments.tofile(shard.with_suffix(".seg"))
    strata = (StratumLayout("all", None, None, None, 0, rows, rows, rows * row_tokens, 0, 0),)
    splits = {"train": SplitLayout(rows, rows, 1, strata), "validation": SplitLayout(0, 1, 0, ())}
    layout = DatasetLayout(
        row_tokens, dtype, vocab_size, 0, None, None, hash_file(tokenizer).sha256, "concat", "exact", splits
    )
    files = {str(path.relative_to(folder)): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    write_manifest(folder, Manifest("pack", 1, {}, {}, {}, files, layout.to_json()))
    schedule = create_schedule(
        read_manifest(folder), [Phase("all", steps=steps)], Mixture(), batch_rows=batch_rows, seed=0
    )
    write_json(folder / "schedule.json", schedule)
    return folder
