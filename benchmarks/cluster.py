"""`make bench-cluster`: what a launch costs, how quick status and dry runs are, what a rebuild of a web corpus takes.

Launching is measured on a SLURM of one node that this starts (Debian packages slurmctld slurmd slurm-client munge).
Rates of stages are megabytes of UTF-8 text a processor second, on real text, datatrove's beside ours, so that a busy
machine changes them little. docs/slurm.md uses them for its estimate of a rebuild of AraFusion's corpora.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.corpora.texts import many, write_fineweb
from benchmarks.harness import Goal, keep, print_results
from sharding.seal import write_json

ROOT = Path(__file__).resolve().parents[1]
RANKS = 100
MANY = 10_000
FEW, TEXT, THEIRS = 2, 242, 10
"""Megabytes of text: the small run, the large one, and datatrove's, which takes ten times as long."""
CHARS = 30_000_000
"""Characters that the tokenizer is trained on; the recipe takes 2 billion."""
STAGES = ("ingest", "dedup", "tokenizer", "tokenize", "pack", "verify")
GIGABYTES = 293.6 + 2.92 + 2.21
"""UTF-8 text of FineWeb-2's arb_Arab, arz_Arab and ars_Arab, by its fineweb2-language-distribution.csv."""


def main() -> None:
    """Measure what is named on the command line (launch, status, dry_run, rates), or all."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-cluster-"))
    known: dict[str, Callable[[Path], dict[str, Any]]] = {
        "dry_run": dry_run,
        "status": status,
        "launch": launch,
        "rates": rates,
    }
    load = os.getloadavg()[0]
    results: dict[str, Any] = {}
    try:
        for name in sys.argv[1:] or known:
            results[name] = print_results(name, known[name](scratch / name))
    finally:
        shutil.rmtree(scratch)
    keep("cluster", results, goals(results), load, "datatrove", "pyarrow")


def goals(results: dict[str, Any]) -> list[Goal]:
    """The bounds that were set for what was measured."""
    figures = []
    if measured := results.get("launch"):
        figures.append(
            Goal("SLURM's share of a rank, 4 ranks a job", measured.get("seconds a rank"), "s", "at most", 0.5)
        )
    if measured := results.get("dry_run"):
        figures.append(Goal("a dry run over 10,000 files", measured["seconds"], "s", "at most", 5))
    if measured := results.get("status"):
        figures.append(Goal("status of 10,000 ranks", measured["seconds"], "s", "at most", 2))
    return figures


def dry_run(scratch: Path) -> dict[str, Any]:
    """A dry run over ten thousand files."""
    (scratch / "text").mkdir(parents=True)
    for number in range(MANY):
        (scratch / "text" / f"{number:05d}.jsonl").write_text('{"id": "1", "text": "نص"}\n')
    recipe = scratch / "recipe.yaml"
    recipe.write_text("name: many\ncorpora: [{source: jsonl, input: text}]\nphases: [{name: all, steps: 1}]\n")
    return {"files": MANY, **arcorp("build", recipe, "--dry-run", "--format", "quiet")}


def status(scratch: Path) -> dict[str, Any]:
    """Status of ten thousand ranks, one in a hundred of them failed."""
    stage = scratch / "tokens"
    (stage / ".arcorp" / "slurm").mkdir(parents=True)
    (scratch / ".arcorp").mkdir()
    (scratch / ".arcorp" / "recipe.json").write_text('{"name": "many"}')
    ranks = list(range(MANY))
    names = [f"part-{rank:05d}" for rank in ranks]
    write_json(stage / ".arcorp" / "plan.json", {"parts": names, "missing": ranks, "began": time.time() - 100})
    write_json(stage / ".arcorp" / "slurm" / "array.json", {"launch": "a", "job": "1", "ranks": ranks, "per_job": 50})
    for rank, name in enumerate(names):
        (stage / f"{name}.bin").write_bytes(b"tokens")
        if rank % 100:
            (stage / f"{name}.json").write_text("{}")
    return {"ranks": MANY, **arcorp("status", scratch, "--format", "quiet")}


def launch(scratch: Path) -> dict[str, Any]:
    """An array of ranks with next to nothing to do: from its submission to its last part, for each rank."""
    from tests.cluster.loopback import Loopback, missing_programs

    if missing_programs():
        return {"left out": f"no {', '.join(missing_programs())} here"}
    scratch.mkdir(parents=True)
    with (scratch / "text.jsonl").open("w") as file:
        for number in range(RANKS):
            file.write(json.dumps({"id": str(number), "text": "نص " * 3000}, ensure_ascii=False) + "\n")
    recipe = scratch / "recipe.yaml"
    recipe.write_text(
        "name: hundred\ncorpora: [{source: jsonl, input: text.jsonl, language: arb_Arab}]\n"
        "phases: [{name: all, steps: 1}]\nslurm: {memory: 500M}\n"
    )
    cluster = Loopback(scratch / "slurm")
    paths = f"{ROOT / 'tests/cluster/sabotage'}:{ROOT}"  # small parts
    try:
        cluster.start()
        given = {**cluster.environment, "PYTHONPATH": paths}
        arcorp("build", recipe, "--out", scratch / "out", "--until", "ingest", "--executor", "slurm", **given)
        cluster.drain()
    finally:
        cluster.stop()
    stage = scratch / "out" / "documents" / "00-jsonl-arb_Arab"
    array = json.loads((stage / ".arcorp" / "slurm" / "array.json").read_bytes())
    began = (stage / ".arcorp" / "slurm" / "array.json").stat().st_mtime
    ended = max(path.stat().st_mtime for path in stage.glob("part-*.json"))
    ranks = len(array["ranks"])
    return {
        "ranks": ranks,
        "ranks in a job": array["per_job"],
        "seconds": ended - began,
        "seconds a rank": (ended - began) / ranks,
    }


def rates(scratch: Path) -> dict[str, Any]:
    """Each stage of the recipe arafusion-ar, and what datatrove has of them, on real text.

    A processor second's megabytes are those of a large run less a small one's, so that what starts once falls out.
    """
    ours: dict[str, float] = {}
    sizes = {}
    for size in (FEW, TEXT):
        folder = scratch / f"{size}"
        sizes[size] = write_fineweb(folder / "text", many(size))
        for stage in STAGES:
            seconds = arcorp("build", "arafusion-ar", "--out", folder / "out", "--until", stage, *_small(folder, size))
            ours[stage] = seconds["cpu_seconds"] - ours.get(stage, 0.0)
    out = scratch / f"{TEXT}" / "out"
    theirs: dict[str, float] = {}
    stock = {}
    for size in (FEW, THEIRS):
        folder = scratch / f"stock-{size}"
        stock[size] = write_fineweb(folder / "text", many(size))
        for step in ("copy", "tokenize"):
            command = [sys.executable, "-c", STOCK, step, str(folder), str(out / "tokenizer" / "tokenizer.json")]
            theirs[step] = _measured(command)["cpu_seconds"] - theirs.get(step, 0.0)
        for name in ("copied", "tokens"):
            if not _bytes(folder / name):
                sys.exit(f"datatrove left nothing in {folder / name}")
    more, stock_more = sizes[TEXT] - sizes[FEW], stock[THEIRS] - stock[FEW]
    folders = {"documents": "documents", "unique": "unique", "tokens": "tokens", "dataset": "dataset"}
    figures = {
        "megabytes": sizes[TEXT],
        "MB a cpu-second": {stage: more / ours[stage] for stage in STAGES if stage != "tokenizer"},
        "tokenizer, cpu-seconds": ours["tokenizer"],
        "tokenizer, characters": CHARS,
        "bytes a byte of text": {name: _bytes(out / place) / sizes[TEXT] / 1e6 for name, place in folders.items()},
        "datatrove, MB a cpu-second": {step: stock_more / seconds for step, seconds in theirs.items()},
        "datatrove, bytes a byte of text": {
            name: _bytes(scratch / f"stock-{THEIRS}" / name) / stock[THEIRS] / 1e6 for name in ("copied", "tokens")
        },
    }
    return {**figures, "projection": projection(figures)}


def _small(folder: Path, size: int) -> list[str]:
    corpora = f"[{{source: fineweb-2, input: {folder / 'text'}, language: arb_Arab}}]"
    settings = {
        "corpora": corpora,
        "tokenizer.vocab_size": 76_800 if size == TEXT else 4_096,
        "tokenizer.sample.chars": CHARS,
        "phases": "[{name: all, steps: 10}]",
        "pack.shards": "null",
        "pack.rows_per_shard": 242_345,
        "pack.validation": "{share: 0.02}",
    }
    return ["--workers", "1", *(word for name, value in settings.items() for word in ("--set", f"{name}={value}"))]


STOCK = """
import sys
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer, DocumentTokenizerMerger
from datatrove.pipeline.writers import ParquetWriter
if __name__ == "__main__":
    step, folder, tokenizer = sys.argv[1:]
    def run(*steps):
        # by its logs a step is done that another one has done
        LocalPipelineExecutor(list(steps), tasks=1, logging_dir=folder + "/logs", skip_completed=False).run()
    reader = ParquetReader(folder + "/text")
    if step == "copy":
        run(reader, ParquetWriter(folder + "/copied"))
    else:
        run(reader, DocumentTokenizer(folder + "/tokens/parts", tokenizer_name_or_path=tokenizer, batch_size=1000))
        run(DocumentTokenizerMerger(folder + "/tokens/parts", folder + "/tokens/merged", save_filename="merged"))
"""


def projection(figures: dict[str, Any]) -> dict[str, Any]:
    """Estimate a rebuild of FineWeb-2's Arabic for AraFusion: core-hours of each stage, gigabytes of each folder."""
    hours = {stage: GIGABYTES * 1e3 / rate / 3600 for stage, rate in figures["MB a cpu-second"].items()}
    sample = 2_000_000_000 / figures["tokenizer, characters"]
    hours["tokenizer"] = figures["tokenizer, cpu-seconds"] * sample / 3600
    stock = {step: GIGABYTES * 1e3 / rate / 3600 for step, rate in figures["datatrove, MB a cpu-second"].items()}
    return {
        "gigabytes": GIGABYTES,
        "core-hours": hours,
        "core-hours in all": sum(hours.values()),
        "disk, GB": {name: GIGABYTES * ratio for name, ratio in figures["bytes a byte of text"].items()},
        "datatrove, core-hours": stock,
        "datatrove, disk, GB": {
            name: GIGABYTES * part for name, part in figures["datatrove, bytes a byte of text"].items()
        },
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and ".arcorp" not in path.parts)


def arcorp(*arguments: object, **environment: str) -> dict[str, float]:
    return _measured([sys.executable, "-m", "pipelines.cli", *map(str, arguments)], environment)


def _measured(command: list[str], environment: dict[str, str] | None = None) -> dict[str, float]:
    """Run to its end; seconds by the clock, and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    quiet = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env={**os.environ, **quiet, **(environment or {})}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.monotonic() - began, "cpu_seconds": cpu}


if __name__ == "__main__":
    main()
