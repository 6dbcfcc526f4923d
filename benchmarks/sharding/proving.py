"""The cost of verification for a run: time to the first batch, time to verify all files, and ms per step meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.sharding.corpus import forget
from sharding.layout import SEGMENT, TOKENIZER, DatasetLayout, SplitLayout, StratumLayout, shard_name
from sharding.proving import Share
from sharding.rows import Dataset
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import Manifest, hash_file, read_manifest, write_json, write_manifest

ROW_TOKENS, BATCH, SHARDS, VOCABULARY = 2_048, 32, 8, 50_000
BYTES = 2_000_000_000
STEPS = 400  # measured after all files are verified


def measure(scratch: Path) -> dict[str, Any]:
    """Measure a dataset of 2 GB whose steps read from every shard, with a warm and a cold page cache."""
    folder = _write(scratch / "proving")
    figures: dict[str, Any] = {"bytes": BYTES, "shards": SHARDS, "batch": [BATCH, ROW_TOKENS]}
    for state, prepare in (("warm", lambda: None), ("cold", lambda: forget(folder))):
        figures[state] = {"at_once": _at_once(folder, prepare), "beside": _beside(folder, prepare)}
    return figures


def _at_once(folder: Path, prepare: Callable[[], None]) -> dict[str, float]:
    prepare()
    began = time.perf_counter()
    Dataset(folder).batch(0)
    return {"first_batch_seconds": time.perf_counter() - began}


def _beside(folder: Path, prepare: Callable[[], None]) -> dict[str, float]:
    """Measure steps that read a batch and multiply matrices for about 20 ms, as a training step on a CPU."""
    prepare()
    matrix = np.ones((900, 900), np.float32)
    began = time.perf_counter()
    data = Dataset(folder, beside=Share())
    data.batch(0)
    first = time.perf_counter() - began
    proofs = data._prover._waiting
    meanwhile: list[tuple[float, float]] = []
    step = 1
    while proofs.unfinished_tasks:
        meanwhile.append(_step(data, step, matrix))
        step += 1
    proven = time.perf_counter() - began
    after = [_step(data, step + more, matrix) for more in range(STEPS)]
    data.settle()
    return {
        "first_batch_seconds": first,
        "all_proven_seconds": proven,
        "steps_meanwhile": len(meanwhile),
        "read_ms_meanwhile": 1000 * median(seconds[0] for seconds in meanwhile),
        "read_ms_after": 1000 * median(seconds[0] for seconds in after),
        "step_ms_meanwhile": 1000 * median(seconds[1] for seconds in meanwhile),
        "step_ms_after": 1000 * median(seconds[1] for seconds in after),
    }


def _step(data: Dataset, step: int, matrix: Any) -> tuple[float, float]:
    """Return the seconds of reading, and of the whole step."""
    began = time.perf_counter()
    data.batch(step % data.steps)
    read = time.perf_counter()
    for _ in range(2):
        matrix @ matrix
    return read - began, time.perf_counter() - began


def _write(folder: Path) -> Path:
    """Write a sealed dataset of random ids, with one segment per row and without validation rows."""
    (folder / TOKENIZER).parent.mkdir(parents=True)
    (folder / "shards").mkdir()
    (folder / TOKENIZER).write_text("{}")
    random = np.random.default_rng(0)
    rows = BYTES // (2 * ROW_TOKENS)
    splits = {}
    for split, count, shards in (("train", rows, SHARDS), ("validation", 0, 0)):
        per_shard = max(1, -(-count // max(1, shards)))
        strata = (StratumLayout("all", None, None, None, 0, count, count, count * ROW_TOKENS, 0, 0),)
        splits[split] = SplitLayout(count, per_shard, shards, strata)
        for k in range(shards):
            name, numbers = folder / shard_name(split, k, shards), splits[split].rows_of(k)
            random.integers(0, VOCABULARY, (len(numbers), ROW_TOKENS), np.uint16).tofile(name.with_suffix(".bin"))
            segments = np.zeros(len(numbers), SEGMENT)
            segments["document"], segments["length"] = np.array(numbers), ROW_TOKENS
            segments.tofile(name.with_suffix(".seg"))
    sha256 = hash_file(folder / TOKENIZER).sha256
    layout = DatasetLayout(
        ROW_TOKENS, "<u2", VOCABULARY, VOCABULARY - 1, None, None, sha256, "concat", "exact", splits
    )
    files = {str(path.relative_to(folder)): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    write_manifest(folder, Manifest("pack", 1, {}, {}, {}, files, layout.to_json()))
    steps = rows // BATCH
    write_json(
        folder / "schedule.json",
        create_schedule(read_manifest(folder), [Phase("all", steps=steps)], Mixture(), batch_rows=BATCH, seed=0),
    )
    return folder
