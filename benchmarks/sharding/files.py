"""Writing, reading and verifying a dataset of 1 GB, compared with plain copies, other loaders and sha256sum."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.sharding.corpus import forget, write_tokens
from benchmarks.sharding.packing import peer
from sharding.checking import verify
from sharding.layout import PLAN, shard_name
from sharding.options import PackOptions
from sharding.packing import Plan, ShardCounts, ShardWriter, dataset_summary, make_plan
from sharding.proving import Share
from sharding.rows import Dataset
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import (
    FileRecord,
    Manifest,
    Sealed,
    atomic_file,
    hash_file,
    read_manifest,
    write_json,
    write_manifest,
)

ROW_TOKENS, BATCH, SHARDS, ROUNDS = 2048, 32, 8, 3
PEER_ROWS = 65_536  # loaders that need a copy of the rows read a quarter of them


def plan(folder: Path, tokens: Path) -> Plan:
    """Plan a dataset of eight shards."""
    prepared = make_plan([Sealed(tokens)], PackOptions(row_tokens=ROW_TOKENS, bos=1, shards=SHARDS))
    records = {}
    for name in prepared.documents:
        with atomic_file(folder / name) as file:
            prepared.write_documents(name, file)  # type: ignore[arg-type]
        records[name] = file.record
    planned = prepared.plan.with_documents(records)
    write_json(folder / PLAN, planned.to_json())
    return planned


_writer: ShardWriter


def _start(folder: Path, tokens: Path, small: Path, small_tokens: Path) -> None:
    """Prepare a worker process. Writing a small dataset compiles the kernels."""
    global _writer
    ShardWriter(Plan.read(small), small, [Sealed(small_tokens)]).write("train", 0, io.BytesIO(), io.BytesIO())
    _writer = ShardWriter(Plan.read(folder), folder, [Sealed(tokens)])


def _wait(seconds: float) -> None:
    time.sleep(seconds)


def _make(folder: Path, shard: int) -> tuple[dict[str, FileRecord], ShardCounts]:
    """Write one shard in the same way as the pack stage: hashed, fsynced, renamed."""
    name = shard_name("train", shard, SHARDS)
    with atomic_file(folder / f"{name}.bin") as ids, atomic_file(folder / f"{name}.seg") as segments:
        counts = _writer.write("train", shard, ids, segments)
    return {f"{name}.bin": ids.record, f"{name}.seg": segments.record}, counts


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 24)
        writer.flush()
        os.fsync(writer.fileno())


def _copy_sealed(source: Path, target: Path) -> None:
    """Copy a file, hashing input and output, as every stage must."""
    hash_file(source)
    with source.open("rb") as reader, atomic_file(target) as writer:
        shutil.copyfileobj(reader, writer, 1 << 22)


def materialise(folder: Path, tokens: Path) -> dict[str, Any]:
    """Measure writing shards with one and two workers, and plain and sealed copies of the ids, all fsynced.

    The result in `folder` is a sealed dataset with a schedule.
    """
    planned = plan(folder, tokens)
    small, small_tokens = folder.parent / "small", folder.parent / "small-tokens"
    plan(small, write_tokens(small_tokens, 500, 500, ids=True))
    prepared = (folder, tokens, small, small_tokens)
    parts = sorted(tokens.glob("*.bin"))
    copies = folder.parent / "copies"
    copies.mkdir()
    targets = [copies / part.name for part in parts]
    seconds: dict[str, list[float]] = {
        name: [] for name in ("plain copy", "sealed copy", "one worker", "two workers", "two sealed copies at once")
    }
    for _ in range(ROUNDS):
        seconds["plain copy"].append(_timed(lambda: list(map(_copy, parts, targets))))
        seconds["sealed copy"].append(_timed(lambda: list(map(_copy_sealed, parts, targets))))
        for workers, name in ((1, "one worker"), (2, "two workers")):
            with ProcessPoolExecutor(workers, get_context("forkserver"), _start, prepared) as pool:
                list(pool.map(_wait, [0.5] * workers))  # until all workers have started
                began = time.perf_counter()
                done = list(pool.map(_make, [folder] * SHARDS, range(SHARDS)))
                seconds[name].append(time.perf_counter() - began)
                if workers == 2:
                    copying = _timed(lambda pool=pool: list(pool.map(_copy_sealed, parts, targets)))
                    seconds["two sealed copies at once"].append(copying)
    shutil.rmtree(copies)
    files = {name: record for records, _ in done for name, record in records.items()}
    files |= {name: hash_file(folder / name) for name in (PLAN, *planned.documents)}
    with atomic_file(folder / "tokenizer" / "tokenizer.json") as file:
        file.write(b"{}")
    files["tokenizer/tokenizer.json"] = file.record
    summary = dataset_summary(planned, [counts for _, counts in done])
    write_manifest(folder, Manifest("pack", 1, {}, {}, planned.counts, files, summary))
    steps = summary["splits"]["train"]["rows"] // BATCH
    write_json(
        folder / "schedule.json",
        create_schedule(read_manifest(folder), [Phase("all", steps=steps)], Mixture(), batch_rows=BATCH, seed=0),
    )
    size = sum((folder / f"{shard_name('train', k, SHARDS)}.bin").stat().st_size for k in range(SHARDS))
    middle = {name: median(times) for name, times in seconds.items()}
    return {
        "bytes": size,
        "seconds": middle,
        "one_worker_of_copy": middle["plain copy"] / middle["one worker"],
        "one_worker_of_sealed_copy": middle["sealed copy"] / middle["one worker"],
        "two_workers_times_one": middle["one worker"] / middle["two workers"],
        "two_sealed_copies_times_one": middle["sealed copy"] / middle["two sealed copies at once"],
    }


def read(folder: Path, scratch: Path) -> dict[str, Any]:
    """Measure a batch of random rows: ours warm and cold, the method of Megatron-LM, litdata, mosaicml-streaming."""
    data = Dataset(folder)
    for step in range(0, data.steps, 2):  # map the shards and warm the cache
        data.batch(step)
    results: dict[str, Any] = {"rows": data.train.rows, "bytes": data.train.rows * data.layout.row_bytes}
    gather = _Megatron(data, folder)
    ours, raw, theirs = [], [], []
    for block in range(6):  # A B A B
        steps = range(200 * block, 200 * block + 200)
        ours += [_timed(lambda step=step: data.batch(step)) for step in steps]
        raw += [_timed(lambda step=step: data.batch(step, raw=True)) for step in steps]
        theirs += [_timed(lambda step=step: gather.batch(step)) for step in steps]
    results["warm_ms"], results["warm_p99_ms"] = 1000 * median(ours), 1000 * float(np.percentile(ours, 99))
    results["warm_raw_ms"] = 1000 * median(raw)
    results["megatron_style"] = {"batch_ms": 1000 * median(theirs), "ours_is_times": median(theirs) / median(ours)}
    cold_first, cold = [], []
    for _ in range(5):
        forget(folder)
        began = time.perf_counter()
        opened = Dataset(folder, beside=Share())
        opened.batch(7)
        cold_first.append(time.perf_counter() - began)
        cold += [_timed(lambda step=step, opened=opened: opened.batch(step)) for step in range(8, 60)]
    results["cold_open_and_first_ms"] = 1000 * median(cold_first)
    results["cold_ms"], results["cold_p99_ms"] = 1000 * median(cold), 1000 * float(np.percentile(cold, 99))
    np.save(scratch / "rows.npy", data.train.read(np.arange(PEER_ROWS), raw=True).ids)
    for name, environment in (("litdata", ".venv-bench-trl"), ("mosaicml", ".venv-bench-mosaicml")):
        copied = str(scratch / name)
        figures = peer(environment, f"{name}_read.py", str(scratch / "rows.npy"), copied, str(BATCH), "300")
        if figures:
            best = min(figures["by_index_ms"], figures["loader_ms"])
            results[name] = {
                **figures,
                "ours_is_times_loader": figures["loader_ms"] / results["warm_ms"],
                "ours_is_times_best": best / results["warm_ms"],
            }
    return results


def _timed(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


class _Megatron:
    """The method of Megatron-LM's GPTDataset: a sample is the documents between two entries of a sample index.

    megatron/core/datasets/gpt_dataset.py, `_query_document_sample_shuffle_indices`: documents are shuffled and joined
    end to end, and split into samples; pieces are read from a memory map, concatenated and widened.
    """

    def __init__(self, data: Dataset, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self._maps = [
            np.memmap(folder / f"{shard_name('train', k, SHARDS)}.bin", data.layout.dtype, "r") for k in range(SHARDS)
        ]
        self._per_shard = len(self._maps[0])
        total = data.train.rows * ROW_TOKENS
        marks = [np.arange(k * self._per_shard, min((k + 1) * self._per_shard, total), 1000) for k in range(SHARDS)]
        bounds = np.append(np.concatenate(marks), total)  # documents of 1,000 tokens, each in one file
        order = rng.permutation(len(bounds) - 1)
        self._begin, self._length = bounds[:-1][order], np.diff(bounds)[order]
        self._ends = np.cumsum(self._length)
        samples = (int(self._ends[-1]) - 1) // ROW_TOKENS
        first = np.arange(samples + 1) * ROW_TOKENS
        document = np.searchsorted(self._ends, first, side="right")
        self._sample = np.stack([document, first - (self._ends[document] - self._length[document])], axis=1)
        self._shuffle = rng.permutation(samples - 1)

    def batch(self, step: int) -> Any:
        return np.stack([self._row(int(row)) for row in self._shuffle[step * BATCH : step * BATCH + BATCH]])

    def _row(self, row: int) -> Any:
        (document, offset), (last, end) = self._sample[row].tolist(), self._sample[row + 1].tolist()
        pieces = []
        while document < last:
            pieces.append(self._get(document, offset, int(self._length[document])))
            document, offset = document + 1, 0
        pieces.append(self._get(document, offset, end))
        return np.concatenate(pieces).astype(np.int64)

    def _get(self, document: int, start: int, stop: int) -> Any:
        index = int(self._begin[document]) + start
        shard, local = divmod(index, self._per_shard)
        return self._maps[shard][local : local + stop - start]


def verify_full(folder: Path) -> dict[str, Any]:
    """Measure `verify --level full` and sha256sum on the same files, in alternating rounds."""
    names = [str(folder / name) for name in read_manifest(folder).files]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: verify(folder, "full")))
        theirs.append(_timed(lambda: subprocess.run(["sha256sum", *names], stdout=subprocess.DEVNULL, check=True)))
    quick = [_timed(lambda: verify(folder, "quick")) for _ in range(5)]
    return {
        "seconds": median(ours),
        "sha256sum_seconds": median(theirs),
        "of_sha256sum": median(theirs) / median(ours),
        "quick_ms": 1000 * median(quick),
    }
