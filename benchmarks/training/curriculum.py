"""Does the order of the text matter? `python -m benchmarks.training.curriculum`: one, two and three phases.

All runs of one seed read the same number of rows of each category, in another order. `one`: the same shares in every
step. `two`: classical books first, then the other categories (the order of autoresearch-v1, whose amounts all runs
have). `three`: broad, focused and full (the order of autoresearch-v2, its shares fitted to the same amounts by
iterative proportional fitting). The seed sets the weights, the order of the rows and the held-out documents.

Text: the samples of eight kinds in ARCORP_SAMPLES/data/bulk, 105 MB, of which each run reads about a seventh. --out is
the folder of the builds: one that was stopped resumes. Writes benchmarks/results/curriculum-DATE.json after each seed,
and docs/images/curriculum.svg.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from benchmarks.harness import machine
from pipelines import cli

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (42, 43, 44)
CATEGORIES = ("classical", "arabic", "english", "code", "math")
STEPS, BATCH_ROWS, ROW_TOKENS = 400, 32, 256
EVERY = 50
"""Steps between validations."""

FILES = {
    "classical_openiti_0325AH": ("arb_Arab", "classical"),
    "hadith_vocalised": ("arb_Arab", "classical"),
    "arb_wiki": ("arb_Arab", "arabic"),
    "arb_news": ("arb_Arab", "arabic"),
    "arz_wiki": ("arz_Arab", "arabic"),
    "eng_hadith": ("eng_Latn", "english"),
    "python_stdlib": ("eng_Latn", "code"),
    "math_gsm8k_train": ("eng_Latn", "math"),
}
"""File of the samples -> language and category of its documents."""

FIGURE = ROOT / "docs" / "images" / "curriculum.svg"
COLOURS = {"one": "#1971c2", "two": "#e03131", "three": "#2f9e44"}

SHARES = {  # phase -> its share of the steps, and shares of the categories
    "two": {"classical": (0.15, (100, 0, 0, 0, 0)), "broad": (0.85, (0, 50, 20, 20, 10))},
    "three": {
        "broad": (0.15, (5, 35, 30, 15, 15)),
        "focused": (0.25, (5, 60, 16, 10, 9)),
        "full": (0.60, (2, 45, 28, 14, 11)),
    },
}
"""The shares of autoresearch-v1 and -v2 (pipelines/recipes)."""

SAMPLE = {"classical": 15, "arabic": 50, "english": 15, "code": 15, "math": 5}
"""Percent of each category in the sample of the tokenizer."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "curriculum")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    samples = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared")) / "data" / "bulk"
    load, runs = os.getloadavg()[0], []
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        path, out = arguments.out / f"{seed}.yaml", arguments.out / str(seed)
        path.write_text(yaml.safe_dump(recipe(seed, samples, arguments.threads), sort_keys=False, allow_unicode=True))
        if cli.run(["build", str(path), "--out", str(out)]):
            return 1
        runs += [{"seed": seed, "phases": name, **figures(out / "runs" / name)} for name in schedules()]
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        result: dict[str, Any] = {
            "date": date,
            "machine": machine(load, "torch", "numpy"),
            "steps": STEPS,
            "schedules": schedules(),
        }
        kept = ROOT / "benchmarks" / "results" / f"curriculum-{date}.json"
        result |= {"runs": runs, "beside_one": beside_one(runs)}
        kept.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        FIGURE.write_text(figure(runs), "utf-8")
        print(kept)
    return 0


def schedules() -> dict[str, list[dict[str, Any]]]:
    """Return the phases of each run: name, share of the steps, share of each category."""
    sizes, shares = _table("two")
    total = sizes @ shares
    three, published = _table("three")
    tables = {
        "one": (["all"], np.array([1.0]), total[None]),
        "two": (list(SHARES["two"]), sizes, shares),
        "three": (list(SHARES["three"]), three, fitted(three, published, total)),
    }
    return {
        run: [
            {"name": name, "size": float(size), "shares": dict(zip(CATEGORIES, row.tolist(), strict=True))}
            for name, size, row in zip(names, sizes, rows, strict=True)
        ]
        for run, (names, sizes, rows) in tables.items()
    }


def _table(name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    sizes = np.array([size for size, _ in SHARES[name].values()])
    return sizes, np.array([shares for _, shares in SHARES[name].values()], float) / 100


def fitted(
    sizes: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], total: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return shares whose phases sum to 1 and whose categories have the amounts `total` over all phases.

    sizes: (phases,), share of the steps; shares: (phases, categories); total: (categories,), sums to 1. Rows and
    columns are scaled in turns (iterative proportional fitting), which keeps the ratios of the ratios.

    >>> fitted(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0.7, 0.3])).round(2).tolist()
    [[0.5, 0.5], [0.9, 0.1]]
    """
    for _ in range(1_000):
        shares = shares * (total / (sizes @ shares))
        shares = shares / shares.sum(axis=1, keepdims=True)
    return shares


def recipe(seed: int, samples: Path, threads: int) -> dict[str, Any]:
    """Return the recipe of the runs of one seed."""
    runs = []
    for name, phases in schedules().items():
        steps = [round(STEPS * phase["size"]) for phase in phases]
        mixtures = [{"by": "category", "rule": "proportional", "shares": phase["shares"]} for phase in phases]
        runs.append(
            {
                "name": name,
                "phases": [
                    {"name": phase["name"], "steps": count, "mixture": mixture}
                    for phase, count, mixture in zip(phases, steps, mixtures, strict=True)
                ],
            }
        )
    return {
        "name": "curriculum",
        "seed": seed,
        "corpora": [
            {
                "source": "jsonl",
                "input": str(samples / f"{file}.jsonl.zst"),
                "language": language,
                "category": category,
                "license": "as in the samples",
            }
            for file, (language, category) in FILES.items()
        ],
        "tokenizer": {
            "vocab_size": 8_192,
            "sample": {"by": "category", "rule": "proportional", "shares": SAMPLE, "chars": 10_000_000},
        },
        "pack": {"row_tokens": ROW_TOKENS, "strata": ["language", "category"], "validation": {"share": 0.01}},
        "mixture": {"max_epochs": 20},
        "runs": runs,
        "train": {
            "preset": "nanochat",
            "layers": 6,
            "width": 256,
            "heads": 4,
            "batch_rows": BATCH_ROWS,
            "lr": 0.1 / 256**0.5,
            "warmup": 20,
            "warmdown": 0.5,
            "precision": "bf16",
            "compile": True,
            "threads": threads,
            "eval": {"every": EVERY, "rows": 512},
        },
    }


def figures(run: Path) -> dict[str, Any]:
    """Return the validations of a run, all and by category, and its seconds of training."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    timings = [json.loads(line) for line in (run / "timings.jsonl").read_text("utf-8").splitlines()]
    validations = [(line["step"], line["validation"]) for line in lines if "validation" in line]
    return {
        "seconds": sum(line["seconds"] for line in timings),
        "validations": [
            {
                "step": step,
                "bits_per_byte": result["bits_per_byte"],
                **{name: group["bits_per_byte"] for name, group in result["by_category"].items()},
            }
            for step, result in validations
        ],
    }


def beside_one(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the last bits per byte of two and three phases, as ratios to one phase: the mean of the seeds."""
    last = {(run["seed"], run["phases"]): run["validations"][-1] for run in runs}
    seeds = sorted({seed for seed, _ in last})
    return {
        name: {
            category: float(np.mean([last[seed, name][category] / last[seed, "one"][category] for seed in seeds]))
            for category in CATEGORIES
        }
        for name in SHARES
    }


def figure(runs: Sequence[dict[str, Any]]) -> str:
    """Return an SVG: a panel for each category, with the validations of each run from step 100 on."""
    width, height, gap, top = 190, 150, 44, 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(CATEGORIES) * (width + gap)} {top + height + 30}" '
        'font-family="sans-serif" font-size="12"><title>Bits per byte by category and number of phases</title>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, (name, colour) in enumerate(COLOURS.items()):
        parts.append(
            f'<text x="{gap + 110 * place}" y="14" fill="{colour}">{name} phase{"s" * (name != "one")}</text>'
        )
    for number, category in enumerate(CATEGORIES):
        curves = [(run["phases"], [(each["step"], each[category]) for each in run["validations"][2:]]) for run in runs]
        values = [bits for _, points in curves for _, bits in points]
        low, high, left = min(values), max(values), gap + number * (width + gap)
        parts.append(f'<text x="{left}" y="{top - 8}">{category}</text>')
        for bits, line in ((high, top + 4), (low, top + height + 4)):
            parts.append(f'<text x="{left - 6}" y="{line}" text-anchor="end" fill="#495057">{bits:.2f}</text>')
        parts.append(f'<path d="M{left},{top}v{height}h{width}" fill="none" stroke="#adb5bd"/>')
        parts.append(f'<text x="{left + width}" y="{top + height + 18}" text-anchor="end">step {STEPS}</text>')
        for name, points in curves:
            path = " ".join(
                f"{left + width * step / STEPS:.1f},{top + height * (high - bits) / (high - low):.1f}"
                for step, bits in points
            )
            parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
