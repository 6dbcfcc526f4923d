"""`make bench-gpu`: speed of training on one GPU in under eight minutes, and a comparison of the loss in FP8 and bf16.

Each row is a run of `training/train.py` in its own process, with the `train:` section of a packaged recipe at full
size, on a sealed dataset. Its speed is the median of timings.jsonl after the first tenth of the steps. A plain eager
trainer of the same model runs before (baseline.py), and a profile of a step after (profile.py). Rows for which no time
remains are listed. The result is a table on stdout and a dated JSON file in benchmarks/results.

`--device cpu` runs tiny models as a test of the benchmark. It measures nothing and has no FP8.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import data
from sharding.seal import write_json

ROOT = Path(__file__).resolve().parents[2]
BUDGET = 460  # seconds
LAST = 20  # last steps, whose mean loss is compared
TINY = ("layers=1", "width=32", "heads=2", "compile=false", "device=cpu", "threads=1")


@dataclass(frozen=True)
class Row:
    """One line of the table. `accumulation`: passes in a step; `target`: tokens per second on one H200."""

    recipe: str
    precision: str
    vocab_size: int
    row_tokens: int
    batch_rows: int
    accumulation: int
    steps: int
    target: int | None = None
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.recipe}-{self.precision}"

    @property
    def dataset(self) -> str:
        return f"{self.vocab_size}-{self.row_tokens}-{self.batch_rows}"


VALUES = ("value_embeddings=true",)  # as in the seeds of autoresearch-v1 and -v2
ROWS = (  # the first two are compared by their losses
    Row("autoresearch-v1", "bf16", 32_768, 2_048, 32, 1, 200, 300_000, VALUES),
    Row("autoresearch-v1", "fp8", 32_768, 2_048, 32, 1, 200, 355_000, VALUES),
    Row("arafusion-ar", "bf16", 76_800, 512, 432, 3, 12, 223_000),
    Row("nanochat-d20", "bf16", 65_536, 2_048, 64, 2, 12, 156_000),
    Row("arafusion-ar", "fp8", 76_800, 512, 432, 3, 12),
    Row("nanochat-d20", "fp8", 65_536, 2_048, 64, 2, 12),
)
SMALL_ROWS = (Row("autoresearch-v1", "bf16", 512, 32, 4, 2, 20),)


class Bench:
    """Runs that share a scratch folder and a time budget."""

    def __init__(self, scratch: Path, small: bool) -> None:
        self.scratch, self.small, self.began = scratch, small, time.monotonic()
        self.left_out: list[str] = []

    def python(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str] | None:
        """Run Python in the rest of the budget. Returns None, and records `name`, if it fails or runs out of time."""
        remaining = BUDGET - (time.monotonic() - self.began)
        try:
            run = subprocess.run(
                [sys.executable, *arguments],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=max(remaining, 1),
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        except subprocess.TimeoutExpired:
            self.left_out.append(f"{name}: no time remained")
            return None
        if run.returncode:
            self.left_out.append(f"{name}: {(run.stderr.strip().splitlines() or ['no message'])[-1]}")
            return None
        return run

    def dataset(self, row: Row) -> Path:
        """Return the dataset of a row. It is written on first use, with the steps of the longest row that reads it."""
        path = self.scratch / row.dataset
        if not path.exists():
            steps = (other.steps for other in (SMALL_ROWS if self.small else ROWS) if other.dataset == row.dataset)
            data.write(
                path,
                vocab_size=row.vocab_size,
                row_tokens=row.row_tokens,
                batch_rows=row.batch_rows,
                steps=max(steps),
            )
        return path

    def settings(self, row: Row) -> list[str]:
        """Return the options that replace the recipe's: batch and steps are those of the benchmark's dataset."""
        changes = ("batch_rows=null", f"precision={row.precision}", f"accumulation={row.accumulation}")
        machine = TINY if self.small else ("device=cuda",)
        return [f"--set={setting}" for setting in (*changes, *row.settings, *machine)]

    def config(self, row: Row) -> list[str]:
        return ["--config", str(ROOT / f"pipelines/recipes/{row.recipe}.yaml"), *self.settings(row)]

    def row(self, row: Row) -> dict[str, Any] | None:
        """Train, and return the figures of the run."""
        out = self.scratch / row.name
        quiet = ("warmup=5", f"steps={row.steps}", f"log_every={max(1, row.steps // 10)}", "generate.prompts=0")
        run = self.python(
            row.name,
            "training/train.py",
            *("--data", str(self.dataset(row)), "--out", str(out)),
            *self.config(row),
            *(f"--set={setting}" for setting in quiet),
        )
        if run is None:
            return None
        timings = [json.loads(line) for line in (out / "timings.jsonl").read_text().splitlines()][1:]
        losses = [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
        result = {"row": row.name, "steps": row.steps, "tokens_per_step": row.batch_rows * row.row_tokens}
        for key in ("tokens_per_second", "mfu", "data_wait_ms", "memory_mib"):
            result[key] = statistics.median(line[key] for line in timings) if key in timings[0] else None
        return {
            **result,
            "peak": timings[0].get("peak"),
            "target": row.target,
            "first_loss": losses[0],
            "last_loss": statistics.mean(losses[-LAST:]),
        }

    def baseline(self, row: Row) -> dict[str, Any] | None:
        """Measure the plain trainer with the most rows that fit, since storing all logits takes memory."""
        for rows in (row.batch_rows, row.batch_rows // 2, row.batch_rows // 4):
            sizes = {"vocab-size": row.vocab_size, "row-tokens": row.row_tokens, "rows": rows, "steps": 8}
            run = self.python(
                f"baseline of {rows} rows",
                *("-m", "benchmarks.gpu.baseline"),
                *self.config(row),
                *(f"--{key}={value}" for key, value in sizes.items()),
            )
            if run is not None:
                return dict(json.loads(run.stdout.splitlines()[-1]))
        return None

    def profile(self, row: Row) -> dict[str, Any] | None:
        arguments = ("-m", "benchmarks.gpu.profile", *self.config(row), "--data", str(self.dataset(row)))
        run = self.python("profile", *arguments)
        return None if run is None else dict(json.loads(run.stdout.splitlines()[-1]))


def fp8_against_bf16(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Compare the last losses of autoresearch-v1 in both precisions. The goal is a difference below one percent."""
    losses = {row["row"]: row["last_loss"] for row in rows}
    bf16, fp8 = losses.get("autoresearch-v1-bf16"), losses.get("autoresearch-v1-fp8")
    if bf16 is None or fp8 is None:
        return None
    difference = abs(fp8 / bf16 - 1)
    return {"bf16": bf16, "fp8": fp8, "apart": difference, "within_one_percent": difference < 0.01}


def table(result: dict[str, Any]) -> str:
    """Return the rows as text."""

    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    lines = [f"{'row':20} {'tokens/s':>12} {'target':>10} {'MFU':>7} {'MiB':>9}"]
    lines += [
        f"{row['row']:20} {row['tokens_per_second']:12,.0f} {cell(row['target'], ','):>10} "
        f"{cell(row['mfu'], '.1%'):>7} {cell(row['memory_mib'], ',.0f'):>9}"
        for row in result["rows"]
    ]
    if result["baseline"]:
        base = result["baseline"]
        lines.append(f"{'plain eager trainer':20} {base['tokens_per_second']:12,.0f}  with {base['rows']} rows")
    if result["fp8_against_bf16"]:
        lines.append(
            "last loss of autoresearch-v1: bf16 {bf16:.4f}, fp8 {fp8:.4f}, difference {apart:.2%}".format(
                **result["fp8_against_bf16"]
            )
        )
    kernels = result["profile"]["kernels"] if result["profile"] else []
    lines += [f"  {kernel['milliseconds']:9.2f} ms a step  {kernel['name']}" for kernel in kernels[:8]]
    return "\n".join([*lines, *(f"not measured: {entry}" for entry in result["left_out"])])


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the speed of training on one GPU.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: test with tiny models.")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results", help="Folder for the JSON file.")
    arguments = parser.parse_args()
    small = arguments.device == "cpu"
    if not small and not torch.cuda.is_available():
        print("error: torch finds no CUDA device here: run this benchmark on a machine with a GPU")
        return 1
    rows = SMALL_ROWS if small else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        bench = Bench(Path(scratch), small)
        baseline = bench.baseline(rows[0])
        measured = []
        for row in rows:
            figures = bench.row(row)
            if figures is not None:
                measured.append(figures)
                print(f"{row.name}: {figures['tokens_per_second']:,.0f} tokens/s", flush=True)
        profiled = bench.profile(rows[0])
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        result = {
            "date": today,
            "command": "python -m benchmarks.gpu" + (" --device cpu" if small else ""),
            "device": "CPU, tiny models: not a measurement" if small else torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "seconds": time.monotonic() - bench.began,
            "rows": measured,
            "baseline": baseline,
            "fp8_against_bf16": fp8_against_bf16(measured),
            "profile": profiled,
            "left_out": bench.left_out,
        }
    print(table(result))
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"gpu-{today}.json"
    write_json(path, result)
    print(path)
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main())
