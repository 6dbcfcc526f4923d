"""Packaged recipes made small: on sample corpora, with `--set` of inputs, sizes and the machine alone."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NEEDS_NO_INPUT = ("demo",)

MACHINE = ("train.ranks=1", "train.device=cpu", "train.precision=fp32", "train.compile=false", "train.threads=1")
MODEL = ("train.layers=1", "train.width=32", "train.heads=2", "train.batch_rows=4", "train.accumulation=1")
SMALL = (
    *MACHINE,
    *MODEL,
    "train.warmup=2",
    "train.eval.every=0",
    "train.checkpoint.every=0",
    "mixture.max_epochs=1000",
    "pack.validation={share: 0.05}",
)

# Sources as the recipe lists them, each with a folder of the samples; sizes of the tokenizer and of each phase.
FIVE = ["openiti/0350AH", "fineweb-2/data/arb_Arab/train", "english/fineweb-edu", "code/starcoderdata/python"]
FIVE += ["code/starcoderdata/javascript", "math/open-web-math"]
SAMPLES = {
    "autoresearch-v1": FIVE,
    "autoresearch-v2": FIVE,
    "arafusion-ar": [f"fineweb-2/data/{language}_Arab/train" for language in ("arb", "ars", "arz")],
    "nanochat-d20": ["english/climbmix"],
    "tinystories-slm": ["tinystories.txt"],
    "arastories-slm": ["arastories"],
    "arastories-slm-large": ["arastories"],
    "arabic-stories-slm": ["stories.parquet"],
}
SIZES = {
    # where special tokens have ids of their own, the vocabulary keeps its size and its merges are fewer
    "autoresearch-v1": ["tokenizer.merged=1500"],
    "autoresearch-v2": ["tokenizer.merged=1500"],
    "arafusion-ar": ["tokenizer.vocab_size=1024", "pack.shards=3"],
}
PHASES = {"autoresearch-v1": 2, "autoresearch-v2": 3}


def settings(
    name: str, samples: Path, made: Path, *, limit: int = 30, chars: int = 200_000, steps: int = 3
) -> list[str]:
    """Return the `--set` values for a small build of a packaged recipe. `made`: a folder for generated samples."""
    chosen = list(SMALL)
    for number, folder in enumerate(SAMPLES[name]):
        path = samples / "data" / folder
        if not path.exists():
            path = _made(folder, samples, made)
        chosen += [f"corpora.{number}.input={path}", f"corpora.{number}.limit={limit}"]
    chosen += [f"tokenizer.sample.chars={chars}", *SIZES.get(name, ["tokenizer.vocab_size=1024"])]
    chosen += [f"phases.{phase}.steps={steps}" for phase in range(PHASES.get(name, 1))]
    return chosen


def _made(name: str, samples: Path, made: Path) -> Path:
    """Real text in the form of a corpus that no sample could be had of."""
    path = made / name
    made.mkdir(parents=True, exist_ok=True)
    if name == "tinystories.txt":  # stories between lines of a separator
        book = (samples / "data/english/gutenberg/1661.txt").read_text("utf-8")
        stories = [story.strip() for story in re.split(r"\n{3,}", book) if len(story) > 200]
        path.write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    else:  # Parquet with the columns of the Arabic Stories Corpus
        stories = []
        for file in sorted((samples / "data/arastories").glob("*.csv")):
            with file.open(encoding="utf-8", newline="") as rows:
                stories += [row["Story"] for row in csv.DictReader(rows)][:40]
        pq.write_table(pa.table({"title": [""] * len(stories), "body": stories}), path)
    return path
