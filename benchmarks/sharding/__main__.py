"""`make bench-sharding`: how fast are rows packed, written, read and verified, and in what memory?

Peers live in environments of their own (`make bench-env`); one that is not there is left out and said to be.
Ratios are taken within one run, round by round in turns (A B A B), from medians.
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
    """Measure what is named on the command line (packing, files, proving, memory), or all."""
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
    """The bounds that were set for what was measured."""
    found = []
    for row, one in results.get("packing", {}).items():
        ours = one["documents_per_second"] / 1e6
        found.append(Goal(f"packing rows of {row}", ours, "M documents/s", "at least", 20))
        peers = one["peers"].items()
        best = max(peers, key=lambda peer: peer[1]["documents_per_second"], default=None)
        if best:
            name, theirs = f"{best[0]} {best[1]['version']}", best[1]["documents_per_second"] / 1e6
            question = f"packing rows of {row}, beside others"
            found.append(Goal(question, ours, "M documents/s", "at least", 50, name, theirs, ours / theirs))
        cut = one["cut_beyond_unavoidable"] * 100
        found.append(Goal(f"documents cut that need not be, rows of {row}", cut, "%", "at most", 1.2))
    if one := results.get("materialise"):
        copied = one["one_worker_of_copy"] * 100
        found.append(Goal("writing rows, of a plain copy", copied, "%", "at least", 60))
        found.append(Goal("writing rows with two workers", one["two_workers_times_one"], "times one", "at least", 1.7))
    if one := results.get("verify"):
        found.append(Goal("verify, of sha256sum's speed", one["of_sha256sum"] * 100, "%", "at least", 70))
    if one := results.get("read"):
        found.append(Goal("a batch of 32 x 2,048 random ids, warm", one["warm_ms"], "ms", "at most", 0.1))
        found.append(Goal("opening, and the first batch, cold", one["cold_open_and_first_ms"], "ms", "at most", 10))
        limits = (("litdata", 5, "ours_is_times_best"), ("mosaicml", 10, "ours_is_times_best"))
        for peer, limit, times in (*limits, ("megatron_style", 4, "ours_is_times")):
            if times in one.get(peer, {}):
                ratio, name = one[peer][times], f"{peer} {one[peer].get('version', '')}".replace("_", "-").strip()
                theirs = one["warm_ms"] * ratio
                found.append(
                    Goal(f"a batch, beside {name}", one["warm_ms"], "ms", "at least", limit, name, theirs, ratio)
                )
    if one := results.get("planning"):
        peak = max(found["peak_bytes"] for found in one.values() if isinstance(found, dict)) / 1e9
        found.append(Goal("memory to plan 10M documents", peak, "GB", "at most", 1))
    return found


if __name__ == "__main__":
    main()
