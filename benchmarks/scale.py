"""`make bench-scale`: time and memory of deduplication, planning and manifests by number of documents, simulated.

Keys of documents are random, with copies: a twentieth of the texts, and a twentieth of the keys of each band. Each
step runs in a process of its own, whose processor time and peak memory are measured. Slopes of time are those between
the smallest and the largest number of documents, those of memory between the two largest, which have several ranges of
decisions. Figures for 61 million and a billion documents are extrapolated from them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Goal, keep, print_results
from benchmarks.sharding import memory
from corpora.dedup import (
    BLOCKS,
    NARROW,
    PAIR,
    WIDE,
    Documents,
    Keys,
    Proof,
    Rules,
    blocks_of,
    bounds_of,
    decide,
    equal_pairs,
    narrow_keys,
    ranges_of,
    wide_keys,
)
from pipelines.stages.dedup import RANGE
from sharding import seal

DOCUMENTS = (1_000_000, 10_000_000, 100_000_000)
PROJECTED = {"61 M": 61_000_000, "1 G": 1_000_000_000}
PER_PART = 7_000
"""Documents of a part: 61 million documents of 300 GB are 8,900 parts."""
LAST = np.uint64(2**64 - 1)
FILES = 150_000
"""Files of the manifest that is read."""


def main() -> None:
    """Measure, print and keep the figures. Arguments are numbers of documents."""
    counts = sorted(int(argument) for argument in sys.argv[1:] or DOCUMENTS)
    load = os.getloadavg()[0]
    scratch = Path(tempfile.mkdtemp(prefix="bench-scale-"))
    try:
        results: dict[str, Any] = {"dedup": {str(count): simulate(count, scratch / str(count)) for count in counts}}
        results["dedup"] |= slopes([results["dedup"][str(count)] for count in counts])
        results["plan"] = memory.measure(scratch)
        results["manifest"] = manifest(scratch / "manifest")
    finally:
        shutil.rmtree(scratch)
    for name, figures in results.items():
        print_results(name, figures)
    keep("scale", results, goals(results), load, "numpy", "numba", "pyarrow")


def goals(results: dict[str, Any]) -> list[Goal]:
    """The bounds that were set for what was measured."""
    dedup = results["dedup"]
    return [
        Goal("deduplication: processor time of a document", dedup["microseconds a document"], "us", "at most", 3),
        Goal("deduplication: memory of a rank", dedup["rank_peak_bytes"] / 1e9, "GB", "at most", 2),
        Goal(
            "deciding: memory for 1 G documents, extrapolated",
            dedup["1 G"]["decide_peak_bytes"] / 1e9,
            "GB",
            "at most",
            2,
        ),
        Goal("manifest of 150,000 files: time to read", results["manifest"]["seconds"], "s", "at most", 1),
    ]


def simulate(documents: int, scratch: Path) -> dict[str, Any]:
    """Deduplicate documents. Returns seconds and peak bytes of each step."""
    scratch.mkdir(parents=True)
    figures: dict[str, Any] = {"documents": documents}
    parts = range(0, documents, PER_PART)
    figures["keys"] = _measured("keys", scratch, documents)
    ranges = ranges_of(documents, RANGE)
    figures["pairs"] = _measured("pairs", scratch, documents) | {"ranks": (2 + BLOCKS.bands) * ranges}
    figures["decide"] = _measured("decide", scratch, documents)
    figures["parts"] = len(parts)
    shutil.rmtree(scratch)
    return figures


def slopes(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Return seconds and bytes for each document, and extrapolations from them. measured: by number of documents."""
    few, many = measured[0], measured[-1]
    more = max(1, many["documents"] - few["documents"])
    steps = ("keys", "pairs", "decide")
    seconds = {step: (many[step]["seconds"] - few[step]["seconds"]) / more for step in steps}
    before = measured[-2:][0]
    size = (many["decide"]["peak_bytes"] - before["decide"]["peak_bytes"]) / max(
        1, many["documents"] - before["documents"]
    )
    base = many["decide"]["peak_bytes"] - size * many["documents"]
    figures: dict[str, Any] = {f"microseconds a document, {step}": 1e6 * seconds[step] for step in steps}
    figures["microseconds a document"] = 1e6 * sum(seconds.values())
    figures["bytes a document, decide"] = size
    figures["rank_peak_bytes"] = max(many["keys"]["peak_bytes"], many["pairs"]["peak_bytes"])
    for name, documents in PROJECTED.items():
        figures[name] = {
            "extrapolated": True,
            "decide_peak_bytes": base + size * documents,
            "decide_minutes": seconds["decide"] * documents / 60,
            "rank_core_hours": (seconds["keys"] + seconds["pairs"]) * documents / 3600,
        }
    return figures


def manifest(folder: Path) -> dict[str, Any]:
    """Return the seconds and bytes of reading the manifest of FILES files."""
    folder.mkdir()
    record = seal.FileRecord(1 << 25, "0" * 64)
    files = {f"part-{number:06d}.parquet": record for number in range(FILES)}
    counts = {"documents": seal.Counts(0, {}, 0, {})}
    seal.write_manifest(folder, seal.Manifest("ingest", 1, {}, {}, counts, files, {}))
    began = time.process_time()
    seal.read_manifest(folder)
    seconds = time.process_time() - began
    return {"files": FILES, "seconds": seconds, "bytes": (folder / seal.MANIFEST).stat().st_size}


# -- steps, each in a process of its own ------------------------------------------------------------------


def _measured(step: str, folder: Path, *arguments: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", "step", step, str(folder), *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def _keys(folder: Path, documents: int) -> None:
    """Write the sorted keys of texts, ids and bands, part by part."""
    draw = np.random.default_rng(0)
    for start in range(0, documents, PER_PART):
        count = min(PER_PART, documents - start)
        halves = draw.integers(1, LAST, (2, count, 2), np.uint64)
        bands = draw.integers(1, LAST, (BLOCKS.bands, count), np.uint64)
        copies = np.arange(1, count, 20)
        halves[0, copies] = halves[0, copies - 1]
        for band in range(BLOCKS.bands):
            near = np.arange(2 + band, count, 20)
            bands[band, near] = bands[band, near - 1]
        for kind in (-2, -1):
            wide_keys(halves[kind]).tofile(folder / f"{start}.{kind}")
        narrow_keys(bands).tofile(folder / f"{start}.bands")


def _part(folder: Path, documents: int, kind: int, start: int) -> Keys:
    """Return the keys of a part."""
    count = min(PER_PART, documents - start)
    path, dtype = (folder / f"{start}.{kind}", WIDE) if kind < 0 else (folder / f"{start}.bands", NARROW)
    before = max(kind, 0) * count

    def read(first: int, stop: int) -> Any:
        return np.fromfile(path, dtype, stop - first, offset=(before + first) * dtype.itemsize)

    return Keys(start, count, read)


def _pairs(folder: Path, documents: int) -> None:
    """Write the pairs of documents with equal keys, one rank after another: of texts (-2), ids (-1) and bands."""
    ranges = ranges_of(documents, RANGE)
    for kind in (-2, -1, *range(BLOCKS.bands)):
        parts = [_part(folder, documents, kind, start) for start in range(0, documents, PER_PART)]
        for number in range(ranges):
            low, high = bounds_of(number, ranges, WIDE if kind < 0 else NARROW)
            with (folder / f"{kind}-{number}.pairs").open("wb") as file:
                for pairs in equal_pairs(parts, low, high, RANGE):
                    pairs.tofile(file)


def _decide(folder: Path, documents: int) -> None:
    """Decide, and make the tables of clusters. All candidates have the same signature."""
    import pyarrow as pa

    kinds = {"text": [-2], "id": [-1], "band": list(range(BLOCKS.bands)), "group": []}

    def pairs(kind: str) -> Any:
        for each in kinds[kind]:
            for path in sorted(folder.glob(f"{each}-*.pairs")):
                yield blocks_of(path, PAIR)

    def zeros(part: int, *shape: int) -> Any:
        return np.zeros((bounds[part + 1] - bounds[part], *shape), np.uint8)

    bounds = np.append(np.arange(0, documents, PER_PART), documents)
    ids = pa.array([f"source/{number:020d}" for number in range(PER_PART)], pa.large_string())
    proof = Proof(BLOCKS, 0.5, lambda part: zeros(part, BLOCKS.functions))
    described = Documents(bounds, zeros, zeros, ["source"], lambda part: ids, lambda part: ids)
    decided = decide(described, pairs, Rules(near=True, proof=proof), folder / "deciding")
    with (folder / "decisions").open("wb") as file:
        for decisions, table in decided:
            table.validate()
            decisions.tofile(file)


def _step(name: str, folder: Path, *arguments: int) -> None:
    """Run a step and print its processor seconds and peak bytes."""
    steps: dict[str, Callable[..., None]] = {"keys": _keys, "pairs": _pairs, "decide": _decide}
    began = time.process_time()
    steps[name](folder, *arguments)
    seconds = time.process_time() - began
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["step"]:
        _step(sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
    else:
        main()
