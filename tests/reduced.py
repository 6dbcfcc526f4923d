"""Packaged recipes made small: on sample corpora, with `--set` of inputs, sizes and the machine alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import translation_models

from corpora.demo.conversations import conversations

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
    "autoresearch-v2": [*FIVE, "instar", "cidar", "aya", "smoltalk"],
    "arafusion-ar": [f"fineweb-2/data/{language}_Arab/train" for language in ("arb", "ars", "arz")],
    "nanochat-d20": ["english/climbmix", "smoltalk", "mmlu", "math/gsm8k", "arc"],
    "tinystories-slm": ["tinystories.txt"],
    "tinystories-translated-slm": ["lexicon.txt"],
    "arastories-slm": ["arastories"],
    "arastories-slm-large": ["arastories"],
    "arabic-stories-slm": ["stories.parquet"],
}
SIZES = {
    # where special tokens have ids of their own, the vocabulary keeps its size and its merges are fewer
    "autoresearch-v1": ["tokenizer.merged=1500"],
    "autoresearch-v2": ["tokenizer.merged=1500"],
    "arafusion-ar": ["tokenizer.vocab_size=1024", "pack.shards=3"],
    "tinystories-translated-slm": ["tokenizer.vocab_size=300"],
}
PHASES = {"autoresearch-v1": {"": 2}, "autoresearch-v2": {"base": 3, "sft": 1}}
PHASES["nanochat-d20"] = {"base": 1, "mid": 1, "sft": 1}
"""Number of phases of each run; "" for a recipe without runs."""
TRANSLATED = ("tinystories-translated-slm",)
"""Recipes that translate: in a small build, the texts of a lexicon, with its model (tests/translation_models.py)."""


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
    for number, (run, phases) in enumerate(PHASES.get(name, {"": 1}).items()):
        section = f"runs.{number}." if run else ""
        chosen += [f"{section}phases.{phase}.steps={steps}" for phase in range(phases)]
        chosen += [f"{section}train.eval.every=0"] if run else []
        chosen += [f"{section}train.batch_rows=4"] if run == "sft" else []
    if name in TRANSLATED:
        if not (made / "translators").exists():
            translation_models.make(made / "translators")
        chosen.append(f"corpora.0.translate.model={made / 'translators' / 'several'}")
    return chosen


def _choices(question: str, answer: str) -> dict[str, Any]:
    return {"question": question, "choices": [answer, "كتاب", "قلم", "باب"], "answer": 0, "subject": "made"}


def _answered(question: str, answer: str) -> dict[str, Any]:
    return {"instruction": question, "output": answer, "inputs": question, "targets": answer}


CHATS: dict[str, tuple[int, Callable[[str, str], dict[str, Any]]]] = {
    "smoltalk": (
        0,
        lambda question, answer: {
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            "source": "made",
        },
    ),
    "mmlu": (1, lambda question, answer: {"train": _choices(question, answer)}),
    "arc": (
        2,
        lambda question, answer: {
            "id": question[:40],
            "question": question,
            "answerKey": "A",
            "choices": {"text": [answer, "كتاب"], "label": ["A", "B"]},
        },
    ),
    "cidar": (1, lambda question, answer: {**_answered(question, answer), "index": question[:40]}),
    "instar": (
        2,
        lambda question, answer: {
            **_answered(question, answer),
            "system": "",
            "uuid": question[:40],
            "source": "made",
            "task": "",
            "topic": "",
        },
    ),
    "aya": (3, lambda question, answer: {**_answered(question, answer), "language_code": "arb"}),
}
"""A part of the conversations, and the row of a question and its answer, for sets that no sample could be had of."""


def _made(name: str, samples: Path, made: Path) -> Path:
    """Real text in the form of a corpus that no sample could be had of."""
    path = made / name
    made.mkdir(parents=True, exist_ok=True)
    if name in CHATS:
        place, form = CHATS[name]
        made_up = conversations(1_800)[450 * place :][:450]  # no set has a question of another set of the recipe
        texts = [made_up[first : first + 15] for first in range(0, 450, 15)]
        rows = [form("\n".join(e.question for e in each), "\n".join(e.answer for e in each)) for each in texts]
        pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))
        return path.with_suffix(".parquet")
    if name == "tinystories.txt":  # stories between lines of a separator
        book = (samples / "data/english/gutenberg/1661.txt").read_text("utf-8")
        stories = [story.strip() for story in re.split(r"\n{3,}", book) if len(story) > 200]
        path.write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    elif name == "lexicon.txt":
        texts = translation_models.sentences()
        stories = ["\n".join(texts[number : number + 60]) for number in range(len(texts) - 60)]
        path.write_text("\n<|endoftext|>\n".join(stories), encoding="utf-8")
    else:  # Parquet with the columns of the Arabic Stories Corpus
        stories = []
        for file in sorted((samples / "data/arastories").glob("*.csv")):
            with file.open(encoding="utf-8", newline="") as rows:
                stories += [row["Story"] for row in csv.DictReader(rows)][:40]
        pq.write_table(pa.table({"title": [""] * len(stories), "body": stories}), path)
    return path
