"""`make bench-sharding`: every figure of sharding in one run, printed, and kept as dated JSON beside this folder.

Peers live in environments of their own (`make bench-env`); one that is not there is left out and said to be.
Ratios are taken within one run, round by round in turns (A B A B), from medians.
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.sharding import files, memory, packing
from benchmarks.sharding.corpus import write_tokens
from sharding.seal import write_json

RESULTS = Path(__file__).resolve().parents[1] / "results"
DOCUMENTS = 600_000  # 1.2 GB of ids


def main() -> None:
    """Measure what is named on the command line (packing, files, memory), or all."""
    chosen = sys.argv[1:] or ["packing", "files", "memory"]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    results: dict[str, Any] = {"date": today, "machine": _machine()}
    scratch = Path(tempfile.mkdtemp(prefix="bench-sharding-", dir=os.environ.get("TMPDIR")))
    try:
        if "packing" in chosen:
            results["packing"] = _told("packing", packing.measure(scratch))
        if "files" in chosen:
            tokens = write_tokens(scratch / "tokens", DOCUMENTS, 50_000, ids=True)
            results["materialise"] = _told("materialise", files.materialise(scratch / "dataset", tokens))
            results["verify"] = _told("verify", files.verify_full(scratch / "dataset"))
            results["read"] = _told("read", files.read(scratch / "dataset", scratch))
        if "memory" in chosen:
            results["planning"] = _told("planning", memory.measure(scratch))
    finally:
        shutil.rmtree(scratch)
    results["machine"]["load_after"] = os.getloadavg()[0]
    RESULTS.mkdir(exist_ok=True)
    name = "-".join(["sharding", *([] if len(chosen) == 3 else chosen), today])
    write_json(RESULTS / f"{name}.json", results)
    print(f"{RESULTS / name}.json")


def _machine() -> dict[str, Any]:
    packages = {name: version(name) for name in ("numpy", "numba", "pyarrow")}
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
