"""AraStories as published, whole: `python -m benchmarks.recipes.whole`, for the seeds 42, 43 and 44.

Builds `arastories-slm` on all 2,996 stories (ARCORP_SAMPLES/full/arastories) and trains it to its last step.
Validation is over all rows. --out is the folder of the builds: one that was stopped resumes. Writes
benchmarks/results/whole-DATE.json after each seed, the source of the results in docs/recipes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.recipes.baselines import baselines
from pipelines import cli
from sharding import Dataset

ROOT = Path(__file__).resolve().parents[2]
NAME = "arastories-slm"
FILES = [f"Formatted-{variety}-prompts-stories-for-fine-tuning.csv" for variety in ("MSA", "Egyptian", "Moroccan")]
SEEDS = (42, 43, 44)
SHOWN = 10
"""Steps of the loss curve, one in SHOWN."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "whole")
    out = parser.parse_args().out
    samples = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared")) / "full" / "arastories"
    inputs = json.dumps([str(samples / file) for file in FILES])
    runs = []
    for seed in SEEDS:
        folder = out / str(seed)
        changes = [f"seed={seed}", f"corpora.0.input={inputs}", "train.eval.rows=0", "train.eval.every=367"]
        changes.append(f"train.threads={os.cpu_count()}")
        if cli.run(["build", NAME, "--out", str(folder), *(word for change in changes for word in ("--set", change))]):
            return 1
        runs.append({"seed": seed, **figures(folder)})
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        path = ROOT / "benchmarks" / "results" / f"whole-{date}.json"
        result = {"date": date, "recipe": NAME, "threads": os.cpu_count(), "runs": runs}
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(path)
    return 0


def figures(out: Path) -> dict[str, Any]:
    """Return the figures of a finished build: validation by variety, the curve, samples, time, baselines."""
    lines = [json.loads(line) for line in (out / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    timings = [json.loads(line) for line in (out / "run" / "timings.jsonl").read_text("utf-8").splitlines()]
    validation = [line["validation"] for line in lines if "validation" in line][-1]
    steps = [line for line in lines if "loss" in line]
    dataset = Dataset(out / "dataset")
    samples = json.loads((out / "run" / "samples.json").read_text("utf-8"))["samples"]
    strata = {s.name: s for s in dataset.validation.strata}
    return {
        "steps": steps[-1]["step"],
        "tokens": steps[-1]["step"] * dataset.batch_rows * dataset.row_tokens,
        "seconds": sum(line["seconds"] for line in timings),
        "loss": validation["loss"],
        "perplexity": validation["perplexity"],
        "bits_per_byte": validation["bits_per_byte"],
        "rows": validation["rows"],
        "by_language": {
            strata[name].language: {key: part[key] for key in ("loss", "perplexity", "bits_per_byte", "bytes")}
            for name, part in validation["by_stratum"].items()
        },
        "curve": [{"step": line["step"], "loss": line["loss"]} for line in steps[SHOWN - 1 :: SHOWN]],
        "baselines": baselines(out),
        "samples": [{key: sample[key] for key in ("language", "prompt", "text", "ended")} for sample in samples],
    }


if __name__ == "__main__":
    sys.exit(main())
