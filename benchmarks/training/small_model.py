"""A model of 31 M parameters on all sample text: `python -m benchmarks.training.small_model`.

Builds the recipe of `recipe`, trains it on a processor, exports the model for transformers, and writes
benchmarks/results/small-model-DATE.json and docs/small-model.md. One phase: more did not help (decision 0047).
--steps is the length, of 8,192 tokens each. --out is the folder of the build: one that was stopped resumes.
"""

from __future__ import annotations

import argparse
import datetime
import html
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.harness import machine
from benchmarks.recipes.baselines import compressors
from benchmarks.recipes.whole import FILES as STORIES
from benchmarks.training.curriculum import FILES as BULK
from pipelines import cli
from sharding import Dataset

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "small-model.md"
OF_THE_LIVING = ("arb_Arab/arabic", "ars_Arab/arabic")
"""Strata with news and tweets."""
STEPS, BATCH_ROWS, ROW_TOKENS = 600, 16, 512
SHOWN = 12
"""Samples on the page."""

SHARES = {"arabic": 55, "classical": 20, "english": 10, "code": 8, "math": 7}
"""Percent of the rows of each category."""

CORPORA: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("openiti", "data/openiti", {}),
    ("shamela", "data/shamela", {}),
    ("quran", "data/quran", {}),
    ("hadith-json", "data/hadith", {}),
    ("tashkeela", "data/tashkeela", {}),
    ("saudinewsnet", "data/saudinewsnet", {}),
    ("fineweb-2", "data/fineweb-2", {}),
    ("oscar", "data/oscar", {}),
    ("cc100", "data/cc100", {}),
    ("wikipedia", "data/wikipedia", {}),
    ("text", "data/dialect/shami", {"options": {"split": "lines"}, "language": "apc_Arab"}),
    ("csv", "data/dialect/ArSarcasm-v2", {"text_field": "tweet"}),
    ("fineweb-edu", "data/english/fineweb-edu", {}),
    ("text", "data/english/gutenberg", {"language": "eng_Latn"}),
    ("starcoderdata", "data/code/starcoderdata", {}),
    ("the-stack-v2", "data/code/the-stack-v2-dedup", {}),
    ("open-web-math", "data/math/open-web-math", {}),
    ("gsm8k", "data/math/gsm8k", {}),
)
"""Source, folder of ARCORP_SAMPLES, and options. The files of data/bulk and all of AraStories come before them."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "small-model")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    samples, out = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared")), arguments.out
    load, path = os.getloadavg()[0], out.with_suffix(".yaml")
    out.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe(samples, arguments.steps), sort_keys=False, allow_unicode=True), "utf-8")
    exported = out.with_name(f"{out.name}-hf")
    if cli.run(["build", str(path), "--out", str(out)]):
        return 1
    if not exported.exists() and cli.run(["export", str(out / "run"), "--to", "hf", "--out", str(exported)]):
        return 1
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    kept = ROOT / "benchmarks" / "results" / f"small-model-{date}.json"
    result = {"date": date, "machine": machine(load, "torch", "numpy"), **figures(out, exported)}
    kept.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(result), "utf-8")
    print(kept)
    return 0


def recipe(samples: Path, steps: int) -> dict[str, Any]:
    """Return the recipe on the sample corpora in the folder `samples`."""
    corpora: list[dict[str, Any]] = [
        {
            "source": "jsonl",
            "input": str(samples / "data" / "bulk" / f"{file}.jsonl.zst"),
            "language": language,
            "category": category,
            "license": "as in the samples",
        }
        for file, (language, category) in BULK.items()
    ]
    stories = [str(samples / "full" / "arastories" / file) for file in STORIES]
    corpora.append({"source": "arastories", "input": stories})
    corpora += [{"source": source, "input": str(samples / folder), **more} for source, folder, more in CORPORA]
    arabic = {"by": "language", "rule": "inverse-frequency", "power": 0.38}
    mixture = {"by": "category", "rule": "proportional", "shares": SHARES, "within": {"arabic": arabic}}
    return {
        "name": "small-model",
        "seed": 42,
        "corpora": corpora,
        "dedup": {"method": "minhash", "similarity": 0.8},
        "tokenizer": {
            "vocab_size": 32_768,
            "sample": {"by": "category", "rule": "proportional", "shares": SHARES, "chars": 30_000_000},
        },
        "pack": {
            "row_tokens": ROW_TOKENS,
            "strata": ["language", "category"],
            "policy": "best-fit",
            "validation": {"share": 0.01},
        },
        "mixture": {"max_epochs": 8},
        "phases": [{"name": "all", "steps": steps, "mixture": mixture}],
        "train": {
            "preset": "nanochat",
            "layers": 8,
            "width": 320,
            "heads": 5,
            "batch_rows": BATCH_ROWS,
            "lr": 0.1 / 320**0.5,
            "warmup": 20,
            "warmdown": 0.5,
            "precision": "bf16",
            "compile": True,
            "threads": os.cpu_count(),
            "checkpoint": {"every": 100},
            "eval": {"every": 200, "rows": 256},
            "generate": {"prompts": 24, "tokens": 80},
        },
        "evaluate": {"tasks": ["minimal-pairs"]},
    }


def figures(out: Path, exported: Path) -> dict[str, Any]:
    """Return the figures of a finished build: amounts, validation, compressors, minimal pairs, samples, sizes."""
    run, dataset = out / "run", Dataset(out / "dataset")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    timings = [json.loads(line) for line in (run / "timings.jsonl").read_text("utf-8").splitlines()]
    validation = [line["validation"] for line in lines if "validation" in line][-1]
    report = json.loads((out / "report.json").read_text("utf-8"))
    scores = json.loads((out / "evaluation" / "minimal-pairs" / "results.json").read_text("utf-8"))
    steps = max(line["step"] for line in lines)
    return {
        "steps": steps,
        "tokens": steps * dataset.batch_rows * dataset.row_tokens,
        "bytes_per_token": report["summary"]["bytes"] / report["packing"]["tokens"]["in"],
        "text_bytes": report["summary"]["bytes"],
        "seconds": sum(line["seconds"] for line in timings),
        "parameters": json.loads((run / "config.json").read_text("utf-8"))["model"]["parameters"],
        "bits_per_byte": validation["bits_per_byte"],
        "by_category": {name: group["bits_per_byte"] for name, group in validation["by_category"].items()},
        "by_language": {name: group["bits_per_byte"] for name, group in validation["by_language"].items()},
        "compressors": compressors(out),
        "minimal_pairs": scores["tasks"][0]["rows"],
        "exported": {path.name: path.stat().st_size for path in sorted(exported.iterdir())},
        "samples": shown(json.loads((run / "samples.json").read_text("utf-8"))["samples"]),
    }


def shown(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the Arabic samples without those that name living people: of tweets (accounts) and of news."""
    return [
        {key: sample[key] for key in ("stratum", "prompt", "text")}
        for sample in samples
        if sample["language"].endswith("_Arab")
        and sample["stratum"] not in OF_THE_LIVING
        and "@" not in sample["prompt"] + sample["text"]
    ]


def page(result: dict[str, Any]) -> str:
    """Return docs/small-model.md."""
    accuracy = {line["name"]: line["metrics"]["acc"] for line in result["minimal_pairs"]}
    overall = accuracy.pop("minimal-pairs")
    size = sum(result["exported"].values())
    shares = ", ".join(f"{name} {share} %" for name, share in SHARES.items())
    head = f"""# A small Arabic model, made on two cores

`python -m benchmarks.training.small_model` builds a dataset of all sample corpora, trains a decoder on it, and writes
this page. Written on {result["date"]}: {result["seconds"] / 60:.0f} minutes of training in bf16 on
{result["machine"]["cores"]} cores. The model shows what the chain makes of little text in little
time, and is for nothing else.

| | |
|---|---|
| model | preset nanochat, 8 layers of width 320, 5 heads, 32,768 ids: {result["parameters"] / 1e6:.1f} M parameters |
| text | {result["text_bytes"] / 1e6:.0f} MB after deduplication, {result["bytes_per_token"]:.2f} bytes a token |
| training | one phase of {result["steps"]:,} steps: {result["tokens"]:,} tokens in rows of {ROW_TOKENS} |
| mixture | {shares}; languages of `arabic` by inverse frequency |
| exported folder | {size / 1e6:.0f} MB: {", ".join(f"`{name}`" for name in result["exported"])} |

Train it for longer with `--steps`. The weights are not published: part of the text has licences that exclude
commercial use.

## Held-out text

Bits per byte; fewer are better. The compressors read the same training text first.

| text | bits per byte |
|---|---:|
| all | {result["bits_per_byte"]:.3f} |
"""
    lines = [
        f"| category {name} | {bits:.3f} |"
        for name, bits in sorted(result["by_category"].items(), key=lambda item: -SHARES.get(item[0], 0))
    ]
    lines += [f"| language {name} | {bits:.3f} |" for name, bits in sorted(result["by_language"].items())]
    lines += [f"| all, by {name} | {bits:.3f} |" for name, bits in result["compressors"].items()]
    lines += [
        "",
        "## Minimal pairs",
        "",
        f"Pairs of sentences of which one is allowed. The model prefers it in {100 * overall['value']:.1f} % of all",
        f"(standard error {100 * overall['stderr']:.1f}); a coin has 50 %.",
        "",
        "| phenomenon | preferred, % |",
        "|---|---:|",
        *(f"| {name} | {100 * each['value']:.0f} |" for name, each in accuracy.items()),
        "",
        "## Samples",
        "",
        "Prompts are the first 16 tokens of held-out rows, in bold, from dialects and classical books;",
        "temperature 0.8. Nothing else is chosen. Continuations of news and tweets name living people, and are left",
        "out.",
        "",
    ]
    for sample in result["samples"][:SHOWN]:
        prompt, text = (html.escape(" ".join(sample[key].split())) for key in ("prompt", "text"))
        lines += [f'<p dir="auto"><b>{prompt}</b> {text}</p>', ""]
    return head + "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
