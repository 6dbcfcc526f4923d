"""`make bench-sharding`: speed and memory of packing, writing, reading and verifying rows.

Other programs are installed in separate environments (`make bench-env`); those that are not installed are skipped.
Ratios are those of medians within one run, measured in alternating rounds (A B A B).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, keep, print_results
from benchmarks.sharding import files, memory, packing, proving
from benchmarks.sharding.corpus import write_tokens

DOCUMENTS = 600_000  # 1.2 GB of ids


def main() -> None:
    """Measure the parts named on the command line (packing, files, proving, memory), or all."""
    load = os.getloadavg()[0]
    chosen = sys.argv[1:] or ["packing", "files", "proving", "memory"]
    results: dict[str, Any] = {}
    scratch = Path(tempfile.mkdtemp(prefix="bench-sharding-", dir=os.environ.get("TMPDIR")))
    try:
        if "packing" in chosen:
            results["packing"] = print_results("packing", packing.measure(scratch))
        if "files" in chosen:
            tokens = write_tokens(scratch / "tokens", DOCUMENTS, 50_000, ids=True)
            results["materialise"] = print_results("materialise", files.materialise(scratch / "dataset", tokens))
            results["verify"] = print_results("verify", files.verify_full(scratch / "dataset"))
            results["read"] = print_results("read", files.read(scratch / "dataset", scratch))
        if "proving" in chosen:
            results["proving"] = print_results("proving", proving.measure(scratch))
        if "memory" in chosen:
            results["planning"] = print_results("planning", memory.measure(scratch))
    finally:
        shutil.rmtree(scratch)
    keep("sharding", results, goals(results), load, "numpy", "numba", "pyarrow")


def goals(results: dict[str, Any]) -> list[Goal]:
    """Return the measured figures with their limits."""
    measured = []
    for row, figures in results.get("packing", {}).items():
        ours = figures["documents_per_second"] / 1e6
        measured.append(Goal(f"packing rows of {row}", ours, "M documents/s", "at least", 20))
        peers = figures["peers"].items()
        best = max(peers, key=lambda peer: peer[1]["documents_per_second"], default=None)
        if best:
            name, theirs = f"{best[0]} {best[1]['version']}", best[1]["documents_per_second"] / 1e6
            question = f"packing rows of {row}, beside others"
            measured.append(Goal(question, ours, "M documents/s", "at least", 50, name, theirs, ours / theirs))
        split = figures["cut_beyond_unavoidable"] * 100
        measured.append(Goal(f"documents cut that need not be, rows of {row}", split, "%", "at most", 1.2))
    if figures := results.get("materialise"):
        copied = figures["one_worker_of_copy"] * 100
        measured.append(Goal("writing rows, of a plain copy", copied, "%", "at least", 60))
        measured.append(
            Goal("writing rows with two workers", figures["two_workers_times_one"], "times one", "at least", 1.8)
        )
    if figures := results.get("verify"):
        measured.append(Goal("verify, of sha256sum's speed", figures["of_sha256sum"] * 100, "%", "at least", 70))
    if figures := results.get("read"):
        measured.append(Goal("a batch of 32 x 2,048 random ids, warm", figures["warm_ms"], "ms", "at most", 0.1))
        measured.append(
            Goal("opening, and the first batch, cold", figures["cold_open_and_first_ms"], "ms", "at most", 10)
        )
        limits = (("litdata", 5, "ours_is_times_best"), ("mosaicml", 10, "ours_is_times_best"))
        for peer, limit, times in (*limits, ("megatron_style", 4, "ours_is_times")):
            if times in figures.get(peer, {}):
                ratio, name = (
                    figures[peer][times],
                    f"{peer} {figures[peer].get('version', '')}".replace("_", "-").strip(),
                )
                theirs = figures["warm_ms"] * ratio
                measured.append(
                    Goal(f"a batch, beside {name}", figures["warm_ms"], "ms", "at least", limit, name, theirs, ratio)
                )
    if figures := results.get("planning"):
        peak = max(run["peak_bytes"] for run in figures.values() if isinstance(run, dict)) / 1e9
        measured.append(Goal("memory to plan 10M documents", peak, "GB", "at most", 1))
    return measured


if __name__ == "__main__":
    main()
