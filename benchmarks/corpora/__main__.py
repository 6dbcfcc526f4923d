"""`make bench-corpora`: speed and memory of reading, cleaning, filtering and deduplication of text.

Speeds are in megabytes of UTF-8 text per processor second of one core, which depends little on the load of the
machine. The gain from two workers is measured in wall-clock time and requires an idle machine. datatrove is measured
in the same environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.corpora import duplicates, path, quality
from benchmarks.harness import Goal, keep, print_results

GB = 1e9
SPEED = "MB a cpu-second"


def main() -> None:
    """Run the measurements named on the command line, or all."""
    load = os.getloadavg()[0]
    scratch = Path(tempfile.mkdtemp(prefix="bench-corpora-", dir=os.environ.get("TMPDIR")))
    measurements: dict[str, Callable[[], dict[str, Any]]] = {
        "normalise": path.normalising,
        "copying": lambda: path.copying(scratch),
        "signatures": duplicates.signatures,
        "recall": duplicates.recall,
        "clustering": duplicates.clustering,
        "web": lambda: path.beside_stock(scratch),
        "workers": lambda: path.two_workers(scratch),
        "giant": lambda: path.giant(scratch),
        "quality": quality.run,
    }
    results: dict[str, Any] = {}
    try:
        for name in sys.argv[1:] or measurements:
            results[name] = print_results(name, measurements[name]())
    finally:
        shutil.rmtree(scratch)
    packages = ("datatrove", "numba", "numpy", "pyarrow", "spacy", "xxhash")
    keep("corpora", results, _goals(results), load, *packages)


def _goals(results: dict[str, Any]) -> list[Goal]:
    """Return the goals of the measurements in `results`."""
    peer = f"datatrove {version('datatrove')}"
    goals: list[Goal] = []
    if result := results.get("copying"):
        goals.append(Goal("Parquet read, normalised, written", result[SPEED], SPEED, "at least", 80))
    if result := results.get("normalise"):
        goals.append(Goal("normalising, the slowest of four", min(result.values()), SPEED, "at least", 250))
    if result := results.get("quality"):
        agreed = result["agreement"]["equal"] * 100
        goals.append(Goal("quality rules, the least gain of all kinds", result["times"], "x", "at least", 35, peer))
        goals.append(Goal("decisions and reasons that are datatrove's", agreed, "%", "at least", 99.9, peer))
    if result := results.get("signatures"):
        ours, theirs = result["ours on the same"], result["datatrove"]
        goals.append(Goal("MinHash signatures", ours, SPEED, "at least", 100, peer, theirs, result["times"]))
    if result := results.get("recall"):
        other = float(sum(not edit["equal"] for edit in result.values()))
        goals.append(Goal("kinds of edit with another recall", other, "kinds", "at most", 0, peer))
    if result := results.get("clustering"):
        goals.append(Goal("memory to cluster a million documents", result["peak_bytes"] / GB, "GB", "at most", 2))
    if result := results.get("web"):
        ours, theirs = result["ours, MB a cpu-second"], result["datatrove, MB a cpu-second"]
        goals.append(Goal("the web path", ours, SPEED, "at least", 25, peer, theirs, result["times"]))
    if result := results.get("workers"):
        goals.append(
            Goal("the web path with two workers, once started", result["times"], "times one", "at least", 1.7)
        )
    if result := results.get("giant"):
        giant = result["web path"]["peak_bytes"] / GB
        goals.append(Goal("memory for a document of 100 MB, web path", giant, "GB", "at most", 1))
    return goals


if __name__ == "__main__":
    main()
