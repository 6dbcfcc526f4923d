"""`make bench-corpora`: every figure of corpora in one run, each goal met or not, printed and kept as dated JSON.

Speeds are megabytes of UTF-8 text a processor second of one core, so that a busy machine changes them little; what
two workers gain is by the clock, and wants a quiet one. datatrove stands in the same environment.
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.corpora import duplicates, path, quality
from sharding.seal import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results"
GB = 1e9


def main() -> None:
    """Measure what is named on the command line, or all."""
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
    chosen = sys.argv[1:] or list(measurements)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    results: dict[str, Any] = {"date": today, "machine": _machine()}
    try:
        for name in chosen:
            results[name] = _told(name, measurements[name]())
    finally:
        shutil.rmtree(scratch)
    results["goals"] = _judged(results)
    results["machine"]["load_after"] = os.getloadavg()[0]
    RESULTS.mkdir(exist_ok=True)
    name = "-".join(["corpora", *([] if chosen == list(measurements) else chosen), today])
    write_json(RESULTS / f"{name}.json", results)
    print(f"{RESULTS / name}.json")


def _judged(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal of what was measured: the figure, the bound, and whether it is met."""
    goals: list[tuple[str, Callable[[dict[str, Any]], float], str, float]] = [
        ("copying", lambda one: one["MB a cpu-second"], "at least", 60.0),
        ("normalise", lambda one: min(one.values()), "at least", 200.0),
        ("signatures", lambda one: one["times"], "at least", 100.0),
        ("recall", lambda one: sum(not each["equal"] for each in one.values()), "at most", 0.0),
        ("clustering", lambda one: one["peak_bytes"] / GB, "at most", 2.0),
        ("web", lambda one: one["times"], "at least", 25.0),
        ("workers", lambda one: one["times"], "at least", 1.7),
        ("giant", lambda one: one["web path"]["peak_bytes"] / GB, "at most", 1.0),
        ("quality", lambda one: one["times"], "at least", 30.0),
        ("quality", lambda one: one["agreement"]["equal"], "at least", 0.999),
    ]
    judged = []
    print("goals")
    for name, figure, bound, limit in goals:
        if name in results:
            value = figure(results[name])
            met = value >= limit if bound == "at least" else value <= limit
            judged.append({"goal": name, "figure": value, bound: limit, "met": met})
            print(f"  {name:12} {value:10,.2f}   {bound} {limit:g}: {'met' if met else 'NOT MET'}")
    return judged


def _machine() -> dict[str, Any]:
    packages = {name: version(name) for name in ("datatrove", "numba", "numpy", "pyarrow", "spacy", "xxhash")}
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    found = {"cpu": model.strip(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    return {**found, "python": platform.python_version(), "packages": packages}


def _told(what: str, found: dict[str, Any], indent: str = "") -> dict[str, Any]:
    """Print a measurement as a list of lines."""
    print(f"{indent}{what}")
    for name, value in found.items():
        if isinstance(value, dict):
            _told(name, value, indent + "  ")
        else:
            print(f"{indent}  {name:32} {f'{value:,.3f}' if isinstance(value, float) else value}", flush=True)
    return found


if __name__ == "__main__":
    main()
