"""`make bench-chain`: time from Parquet or JSON lines to shards, beside stock datatrove.

Two paths on real Arabic text, each once by datatrove 0.10.1 and three times by arcorp, with one worker and one
tokenizer: FineWeb-2's (as published, no filters) and OSCAR's (FineWeb-2's filters, MinHash). Then arcorp alone: the
cost per byte at 10 MB, 100 MB and 1 GB, and two workers against one. Speeds use processor seconds, which a busy
machine changes little. Two workers are measured by the clock, which requires a quiet machine.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import zstandard

from benchmarks.chain.work import measured
from benchmarks.corpora.texts import many, real, with_copies, write_fineweb
from benchmarks.harness import Goal, keep, print_results
from pipelines import cli

ROUNDS = 3
PEER = "datatrove 0.10.1"
SIZES = (10.0, 100.0, 1000.0)
"""Megabytes of text."""


def main() -> None:
    load = os.getloadavg()[0]
    chosen = sys.argv[1:] or ["fineweb", "oscar", "sizes", "workers"]
    scratch = Path(tempfile.mkdtemp(prefix="bench-chain-", dir=os.environ.get("TMPDIR")))
    results: dict[str, Any] = {}
    try:
        tokenizer = _tokenizer(scratch)
        if "fineweb" in chosen:
            results["fineweb"] = print_results(
                "fineweb", _beside("fineweb", _fineweb(scratch, 250), tokenizer, scratch)
            )
        if "oscar" in chosen:
            results["oscar"] = print_results("oscar", _beside("oscar", _oscar(scratch, 42), tokenizer, scratch))
        if "sizes" in chosen:
            results["sizes"] = print_results("sizes", _sizes(tokenizer, scratch))
        if "workers" in chosen:
            results["workers"] = print_results("workers", _workers(tokenizer, scratch))
    finally:
        shutil.rmtree(scratch)
    keep("chain", results, _goals(results), load, "datatrove", "tokenizers", "fastokens", "numba", "pyarrow")


def _goals(results: dict[str, Any]) -> list[Goal]:
    goals = []
    if measured := results.get("fineweb"):
        ours, theirs, unit = measured["ours, MB/s"], measured["theirs, MB/s"], "MB/s"
        shards = measured["ours without ingest, MB/s"]
        goals += [
            Goal("FineWeb-2 to shards", shards, unit, "at least", 24, PEER, theirs, shards / theirs),
            Goal("the same, with ingest and cleaning", ours, unit, "at least", 13, PEER, theirs, ours / theirs),
        ]
    if measured := results.get("oscar"):
        ours, theirs = measured["ours, MB/s"], measured["theirs, MB/s"]
        goals.append(
            Goal(
                "OSCAR, filtered and deduplicated, to shards",
                ours,
                "MB/s",
                "at least",
                45,
                PEER,
                theirs,
                ours / theirs,
            )
        )
    if measured := results.get("sizes"):
        costs = [size["cpu seconds a MB"] for size in measured.values()]
        peaks = [size["peak_bytes"] / 1e9 for size in measured.values()]
        goals += [
            Goal("cost per byte at 10 MB ÷ at 1 GB", costs[0] / costs[-1], "times", "at most", 2),
            Goal("cost per byte at 100 MB ÷ at 1 GB", costs[-2] / costs[-1], "times", "at most", 1.2),
            Goal("peak memory of a worker at 1 GB", peaks[-1], "GB", "at most", 1),
            Goal("peak memory at 1 GB ÷ at 100 MB", peaks[-1] / peaks[-2], "times", "at most", 1.1),
        ]
    if measured := results.get("workers"):
        goals.append(Goal("the chain with two workers, once started", measured["times"], "times one", "at least", 1.7))
    return goals


def _beside(path: str, folder: Path, tokenizer: Path, scratch: Path) -> dict[str, Any]:
    """One path, ours and datatrove's on the same files in turns: megabytes of text a processor second."""
    megabytes = float((folder / "megabytes").read_text())
    ours = [measured("ours", path, folder, tokenizer, scratch / "out")]
    theirs = measured("theirs", path, folder, tokenizer, scratch / "out")
    ours += [measured("ours", path, folder, tokenizer, scratch / "out") for _ in range(ROUNDS - 1)]
    median = sorted(ours, key=lambda run: run["cpu_seconds"])[ROUNDS // 2]
    return {
        "megabytes": megabytes,
        "ours, MB/s": megabytes / median["cpu_seconds"],
        "ours without ingest, MB/s": megabytes / (median["steps"]["tokenize"] + median["steps"]["pack"]),
        "theirs, MB/s": megabytes / theirs["cpu_seconds"],
        "spread": max(run["cpu_seconds"] for run in ours) / min(run["cpu_seconds"] for run in ours),
        "ours": median,
        "theirs": theirs,
    }


def _sizes(tokenizer: Path, scratch: Path) -> dict[str, Any]:
    by_size = {}
    for size in SIZES:
        folder = _fineweb(scratch, size)
        megabytes = float((folder / "megabytes").read_text())
        runs = [measured("ours", "fineweb", folder, tokenizer, scratch / "out") for _ in range(3 if size < 500 else 1)]
        cost = median(run["cpu_seconds"] for run in runs) / megabytes
        steps = {name: seconds for name, seconds in runs[0]["steps"].items() if "clock" not in name}
        peak = max(run["peak_bytes"] for run in runs)
        by_size[f"{size:g} MB"] = {"cpu seconds a MB": cost, "peak_bytes": peak, "steps": steps}
        shutil.rmtree(folder)
    return by_size


def _workers(tokenizer: Path, scratch: Path) -> dict[str, Any]:
    """A gigabyte with one worker and with two in turns, by the clock; the better of two rounds."""
    folder = _fineweb(scratch, SIZES[-1])
    seconds: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(2):
        for count, runs in seconds.items():
            runs.append(measured("ours", "fineweb", folder, tokenizer, scratch / "out", count))
    best = {count: min(runs, key=lambda run: run["seconds"]) for count, runs in seconds.items()}
    return {"one": best[1], "two": best[2], "times": best[1]["seconds"] / best[2]["seconds"]}


def _fineweb(scratch: Path, megabytes: float) -> Path:
    folder = scratch / f"fineweb-{megabytes:g}"
    if not folder.exists():
        write_fineweb(folder / "few", real()[:40])
        size = write_fineweb(folder / "many", many(megabytes))
        (folder / "megabytes").write_text(str(size))
    return folder


def _oscar(scratch: Path, megabytes: float) -> Path:
    """Documents as OSCAR 23.01 has them, one JSON line each, a tenth of them twice."""
    folder = scratch / f"oscar-{megabytes:g}"
    texts = list(with_copies(many(megabytes)))
    _write_oscar(folder / "few", texts[:40])
    _write_oscar(folder / "many", texts)
    (folder / "megabytes").write_text(str(sum(len(text.encode()) for text in texts) / 1e6))
    return folder


def _write_oscar(folder: Path, texts: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    with zstandard.ZstdCompressor(write_checksum=True).stream_writer(
        (folder / "ar_part_1.jsonl.zst").open("wb")
    ) as file:
        for number, text in enumerate(texts):
            record = {
                "content": text,
                "warc_headers": {
                    "warc-record-id": f"<urn:uuid:{number}>",
                    "warc-target-uri": "https://example.org/",
                    "warc-date": "2023-01-01T00:00:00Z",
                    "warc-identified-content-language": "ara",
                },
                "metadata": {
                    "identification": {"label": "ar", "prob": 1.0},
                    "harmful_pp": 100.0,
                    "quality_warnings": None,
                    "categories": None,
                    "sentence_identifications": [],
                },
            }
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())


def _tokenizer(scratch: Path) -> Path:
    """A vocabulary of 32,768 from the same text."""
    folder, documents, out = scratch / "sample", scratch / "sample-documents", scratch / "tokenizer"
    write_fineweb(folder, real())
    for words in (
        ["ingest", "fineweb-2", str(folder), "--out", str(documents)],
        ["tokenizer", "train", str(documents), "--out", str(out), "--vocab-size", "32768"],
    ):
        if cli.run([*words, "--format", "quiet"]):
            raise RuntimeError(f"arcorp {words[0]} failed")
    return out


if __name__ == "__main__":
    main()
