"""Build the packaged recipes at reduced size on sample corpora, training included: `python -m benchmarks.recipes`.

Each base run has STEPS steps of about STEP_TOKENS tokens; its phases keep their shares of the steps. Runs after it
have LATER steps. Inputs, sizes and the machine are set with `--set`, and the learning rate of nanochat's shape follows
its width, as the recipes state. Text: all documents of the samples in ARCORP_SAMPLES; stories and chats that no sample
could be had of are real text in their form (tests/reduced.py). A recipe that was trained whole is left out.

Writes benchmarks/results/recipes-DATE.json after each build, the source of the results in docs/recipes. Results of the
same day that were not measured again remain. Names of recipes after the command choose those to build.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars
import zstandard

from benchmarks.recipes import whole
from benchmarks.recipes.baselines import baselines, bits_per_byte

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import reduced  # noqa: E402

from pipelines import cli  # noqa: E402
from pipelines.recipe import Recipe, load_recipe, packaged  # noqa: E402
from sharding.seal import Sealed  # noqa: E402
from tokenization.options import Special  # noqa: E402

STEPS, LATER, STEP_TOKENS = 250, 20, 4_096
LAYERS, WIDTH, HEADS, IDS = 4, 128, 4, 8_192
ALL = 1_000_000
"""A limit of documents that no sample reaches."""


def main() -> int:
    samples = Path(os.environ.get("ARCORP_SAMPLES", ROOT.parent / "shared"))
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = ROOT / "benchmarks" / "results" / f"recipes-{date}.json"
    sizes = {"steps": STEPS, "step_tokens": STEP_TOKENS, "layers": LAYERS, "width": WIDTH}
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    builds: dict[str, Any] = kept["builds"] if kept.get("sizes") == sizes else {}
    for name in sys.argv[1:] or [name for name in reduced.SAMPLES if name != whole.NAME]:
        with tempfile.TemporaryDirectory() as made:
            out = Path(made) / "out"
            recipe = load_recipe(packaged()[name])
            changes = settings(recipe, samples, Path(made) / "samples")
            flags = [word for change in changes for word in ("--set", change)]
            if cli.run(["build", name, "--out", str(out), *flags]):
                return 1
            builds[name] = figures(recipe, out)
        path.write_text(
            json.dumps({"date": date, "sizes": sizes, "builds": builds}, indent=1) + "\n", encoding="utf-8"
        )
    print(path)
    return 0


def settings(recipe: Recipe, samples: Path, made: Path) -> list[str]:
    """Return the `--set` values of a build of a recipe. made: folder of text in the form of other corpora."""
    changes: list[str] = reduced.settings(recipe.name, samples, made, limit=ALL, chars=10_000_000)
    more = larger(recipe.name, samples, made)
    changes += [f"corpora.0.input={more}"] if more else []
    has_ids = any(isinstance(token, Special) and token.id is not None for token in recipe.tokenizer.specials)
    if recipe.name not in reduced.TRANSLATED:  # whose lexicon has too few words
        changes.append(f"tokenizer.{'merged' if has_ids else 'vocab_size'}={IDS}")  # special tokens keep their ids
    rows = max(1, STEP_TOKENS // recipe.pack.row_tokens)
    own: dict[str, object] = {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "batch_rows": rows, "warmup": 20}
    own |= {"threads": os.cpu_count(), "precision": "bf16", "compile": "true"}
    changes += [f"train.{key}={value}" for key, value in own.items()] + ["train.eval.rows=0"]
    base = recipe.all_runs[0]
    if base.train.preset == "nanochat":
        changes.append(f"train.lr={0.1 / WIDTH**0.5}")
    for number, run in enumerate(recipe.all_runs):
        section = f"runs.{number}." if recipe.runs else ""
        total = sum(phase.steps or 0 for phase in run.phases or ())
        length = LATER if number else STEPS
        for index, phase in enumerate(run.phases or ()):
            changes.append(f"{section}phases.{index}.steps={max(1, round(length * (phase.steps or 0) / total))}")
    return changes


def larger(name: str, samples: Path, made: Path) -> str | None:
    """Return the input of a recipe's first corpus where there is more text than in the samples of the tests."""
    stories = [str(samples / "full" / "arastories" / file) for file in whole.FILES]
    with zstandard.open(samples / "data" / "bulk" / "eng_hadith.jsonl.zst", "rt", encoding="utf-8") as file:
        english = [str(json.loads(line)["text"]) for line in file]
    english += polars.read_parquet(samples / "data" / "english" / "climbmix" / "*.parquet")["text"].to_list()
    english += [book.read_text("utf-8") for book in sorted((samples / "data" / "english" / "gutenberg").glob("*.txt"))]
    path = made / "larger.parquet"
    if name == "arastories-slm-large":
        return json.dumps(stories)
    if name == "arabic-stories-slm":  # as many tokens as the corpus has
        texts = [text for file in stories for text in polars.read_csv(file)["Story"]]
        polars.DataFrame({"title": [""] * len(texts), "body": texts}).write_parquet(path)
    elif name == "nanochat-d20":
        polars.DataFrame({"text": english}).write_parquet(path)
    elif name == "tinystories-slm":
        path = made / "larger.txt"
        path.write_text("\n<|endoftext|>\n".join(english), encoding="utf-8")
    else:
        return None
    return str(path)


def figures(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Return the figures of a build; those of training are the first run's."""
    report = json.loads((out / "report.json").read_text("utf-8"))
    packing, summary = report["packing"], report["summary"]
    run = out / "runs" / recipe.all_runs[0].name if recipe.runs else out / "run"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    validations = [line["validation"] for line in lines if "validation" in line]
    return {
        "documents": summary["documents"],
        "bytes": summary["bytes"],
        "tokens": summary["tokens"],
        "bytes_per_token": summary["bytes"] / packing["tokens"]["in"],
        "rows": {name: split["rows"] for name, split in packing["splits"].items()},
        "padding": Sealed(out / "dataset").manifest.counts["tokens"].added.get("padding", 0),
        "steps": max(line["step"] for line in lines),
        "before": bits_per_byte(validations[0]),
        "after": bits_per_byte(validations[-1]),
        "baselines": baselines(out),
    }


if __name__ == "__main__":
    sys.exit(main())
