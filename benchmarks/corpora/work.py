"""Measurements in a separate process, so that memory and processor time are those of one chain of steps.

`python -m benchmarks.corpora.work CHAIN INPUT OUT WORKERS` prints JSON. The chain is first run on a few documents and
the workers are started, so that compiling and loading are not measured.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.corpora.texts import real, write_fineweb
from benchmarks.harness import start_workers


def measured(chain: str, folder: Path, out: Path, workers: int = 1) -> dict[str, Any]:
    """Run a chain in a separate process.

    Returns the number of written documents, seconds, processor seconds, and peak memory in bytes.
    """
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchmarks.corpora.work", chain, str(folder), str(out), str(workers)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{chain} failed: {process.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return result


def copying(folder: Path, out: Path, workers: int) -> int:
    """Read, normalise and write, without filters."""
    from pipelines.recipe import IngestOptions
    from pipelines.run import Context, run_stage
    from pipelines.stages.ingest import ingest_stage

    stage = ingest_stage(out / "documents", "fineweb-2", [str(folder)], IngestOptions())
    return run_stage(stage, Context(workers)).sealed.manifest.counts["documents"].out


def web(folder: Path, out: Path, workers: int) -> int:
    """Run the web path: read, clean, filter, deduplicate, write."""
    from pipelines.recipe import DedupOptions, IngestOptions, QualityOptions
    from pipelines.run import Context, run_stage
    from pipelines.stages.dedup import dedup_stage
    from pipelines.stages.ingest import ingest_stage

    options = IngestOptions(quality=QualityOptions(profile="web"))
    run_stage(ingest_stage(out / "documents", "fineweb-2", [str(folder)], options), Context(workers))
    stage = dedup_stage(out / "unique", [out / "documents"], DedupOptions(method="minhash"))
    return run_stage(stage, Context(workers)).sealed.manifest.counts["documents"].out


def stock(folder: Path, out: Path, workers: int) -> int:
    """Run the web path of datatrove's blocks."""
    from datatrove.pipeline.readers import ParquetReader

    from benchmarks.corpora.stock import run

    return run(ParquetReader(str(folder)), out)


CHAINS: dict[str, Callable[[Path, Path, int], int]] = {"copying": copying, "web": web, "stock": stock}


def main() -> None:
    chain, folder, out, workers = CHAINS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    write_fineweb(out / "few", real(("arb_news",))[:40])
    chain(out / "few", out / "warm", 1)
    start_workers(workers)
    began, before = time.perf_counter(), _cpu()
    documents = chain(folder, out / "out", workers)
    seconds, cpu = time.perf_counter() - began, _cpu() - before
    status = Path("/proc/self/status").read_text()  # ru_maxrss would include the memory of the parent process
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"documents": documents, "seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
