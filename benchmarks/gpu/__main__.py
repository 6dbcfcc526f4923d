"""`make bench-gpu`: speeds of training on one GPU in a run of under eight minutes, and whether FP8 learns the same.

Each row is a run of `training/train.py` in a process of its own, with a configuration of training/configs at its real
size, on a dataset of arcorp's format; its speed is the median of what timings.jsonl says after the first tenth. Before
them a plain eager trainer of the same model (baseline.py), after them a profile of a step (profile.py). What there was
no time for is named and left out. A table is printed, and dated JSON is left in benchmarks/results.

`--device cpu` runs the same with tiny models, to see that it works: it measures nothing, and has no FP8.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
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
BUDGET = 460  # seconds, of the eight minutes
LAST = 20  # steps whose mean loss is compared
TINY = ("layers=1", "width=32", "heads=2", "compile=false", "device=cpu", "threads=1")


@dataclass(frozen=True)
class Row:
    """One line of the table. `accumulation`: passes in a step; `target`: tokens per second on one H200."""

    config: str
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
        return f"{self.config}-{self.precision}"

    @property
    def dataset(self) -> str:
        return f"{self.vocab_size}-{self.row_tokens}-{self.batch_rows}"


VALUES = ("value_embeddings=true",)  # as V1 and V2 had them
ROWS = (  # V1 in both precisions first: their losses are compared, after 200 steps
    Row("v1", "bf16", 32_768, 2_048, 32, 1, 200, 300_000, VALUES),
    Row("v1", "fp8", 32_768, 2_048, 32, 1, 200, 355_000, VALUES),
    Row("arafusion-ar", "bf16", 76_800, 512, 432, 3, 12, 223_000),
    Row("d20", "bf16", 65_536, 2_048, 64, 2, 12, 156_000),
    Row("arafusion-ar", "fp8", 76_800, 512, 432, 3, 12),
    Row("d20", "fp8", 65_536, 2_048, 64, 2, 12),
)
SMALL_ROWS = (Row("v1", "bf16", 512, 32, 4, 2, 20),)


class Bench:
    """Runs that share a folder and a budget of seconds."""

    def __init__(self, scratch: Path, small: bool) -> None:
        self.scratch, self.small, self.began = scratch, small, time.monotonic()
        self.left_out: list[str] = []

    def python(self, what: str, *arguments: str) -> subprocess.CompletedProcess[str] | None:
        """Run Python within what is left of the budget; None, and noted, if that was not enough or it failed."""
        left = BUDGET - (time.monotonic() - self.began)
        try:
            run = subprocess.run(
                [sys.executable, *arguments],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=max(left, 1),
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        except subprocess.TimeoutExpired:
            self.left_out.append(f"{what}: no time was left")
            return None
        if run.returncode:
            self.left_out.append(f"{what}: {(run.stderr.strip().splitlines() or ['no word'])[-1]}")
            return None
        return run

    def dataset(self, row: Row) -> Path:
        """The dataset of a row, written when it is first asked for, as long as the longest row on it."""
        path = self.scratch / row.dataset
        if not path.exists():
            same = (one.steps for one in (SMALL_ROWS if self.small else ROWS) if one.dataset == row.dataset)
            data.write(
                path,
                vocab_size=row.vocab_size,
                row_tokens=row.row_tokens,
                batch_rows=row.batch_rows,
                steps=max(same),
            )
        return path

    def settings(self, row: Row) -> list[str]:
        given = (*row.settings, f"precision={row.precision}", f"accumulation={row.accumulation}")
        return [f"--set={one}" for one in (*given, *(TINY if self.small else ("device=cuda",)))]

    def config(self, row: Row) -> list[str]:
        return ["--config", str(ROOT / f"training/configs/{row.config}.yaml"), *self.settings(row)]

    def row(self, row: Row) -> dict[str, Any] | None:
        """Train, and read what the run says of itself."""
        out = self.scratch / row.name
        quiet = ("warmup=5", f"steps={row.steps}", f"log_every={max(1, row.steps // 10)}", "generate.prompts=0")
        run = self.python(
            row.name,
            "training/train.py",
            *("--data", str(self.dataset(row)), "--out", str(out)),
            *self.config(row),
            *(f"--set={one}" for one in quiet),
        )
        if run is None:
            return None
        timings = [json.loads(line) for line in (out / "timings.jsonl").read_text().splitlines()][1:]
        losses = [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
        found = {"row": row.name, "steps": row.steps, "tokens_per_step": row.batch_rows * row.row_tokens}
        for key in ("tokens_per_second", "mfu", "mfu_causal", "data_wait_ms", "memory_mib"):
            found[key] = statistics.median(one[key] for one in timings) if key in timings[0] else None
        attention = re.search(r"attention by [^\n]*", run.stderr)
        return {
            **found,
            "peak": timings[0].get("peak"),
            "target": row.target,
            "attention": attention[0] if attention else None,
            "first_loss": losses[0],
            "last_loss": statistics.mean(losses[-LAST:]),
        }

    def baseline(self, row: Row) -> dict[str, Any] | None:
        """The first of these sizes that fits: whole logits and no fusion take memory."""
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
    """The last losses of V1 in both precisions; they should lie within one part in a hundred."""
    losses = {row["row"]: row["last_loss"] for row in rows}
    if not {"v1-bf16", "v1-fp8"} <= set(losses):
        return None
    apart = abs(losses["v1-fp8"] / losses["v1-bf16"] - 1)
    return {"bf16": losses["v1-bf16"], "fp8": losses["v1-fp8"], "apart": apart, "within_one_percent": apart < 0.01}


def table(found: dict[str, Any]) -> str:
    """The rows for people."""

    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    lines = [f"{'row':20} {'tokens/s':>12} {'target':>10} {'MFU':>7} {'causal':>7} {'MiB':>9}  attention"]
    lines += [
        f"{row['row']:20} {row['tokens_per_second']:12,.0f} {cell(row['target'], ','):>10} "
        f"{cell(row['mfu'], '.1%'):>7} {cell(row['mfu_causal'], '.1%'):>7} {cell(row['memory_mib'], ',.0f'):>9}  "
        f"{row['attention']}"
        for row in found["rows"]
    ]
    if found["baseline"]:
        base = found["baseline"]
        lines.append(f"{'plain eager v1-bf16':20} {base['tokens_per_second']:12,.0f}  with {base['rows']} rows")
    if found["fp8_against_bf16"]:
        lines.append(
            "last loss of v1: bf16 {bf16:.4f}, fp8 {fp8:.4f}, {apart:.2%} apart".format(**found["fp8_against_bf16"])
        )
    kernels = found["profile"]["kernels"] if found["profile"] else []
    lines += [f"  {kernel['milliseconds']:9.2f} ms a step  {kernel['name']}" for kernel in kernels[:8]]
    return "\n".join([*lines, *(f"left out: {one}" for one in found["left_out"])])


def main() -> int:
    parser = argparse.ArgumentParser(description="Speeds of training on one GPU.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results", help="where the JSON goes")
    given = parser.parse_args()
    small = given.device == "cpu"
    if not small and not torch.cuda.is_available():
        print("error: torch finds no CUDA device here, and these are speeds of one: run it where there is a GPU")
        return 1
    rows = SMALL_ROWS if small else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        bench = Bench(Path(scratch), small)
        baseline = bench.baseline(rows[0])
        measured = []
        for row in rows:
            one = bench.row(row)
            if one is not None:
                measured.append(one)
                print(f"{row.name}: {one['tokens_per_second']:,.0f} tokens/s", flush=True)
        profiled = bench.profile(rows[0])
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        found = {
            "date": today,
            "command": "python -m benchmarks.gpu" + (" --device cpu" if small else ""),
            "device": "CPU, tiny models: these are no speeds" if small else torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "seconds": time.monotonic() - bench.began,
            "rows": measured,
            "baseline": baseline,
            "fp8_against_bf16": fp8_against_bf16(measured),
            "profile": profiled,
            "left_out": bench.left_out,
        }
    print(table(found))
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"gpu-{today}.json"
    write_json(path, found)
    print(path)
    return 0 if measured else 1


if __name__ == "__main__":
    sys.exit(main())
