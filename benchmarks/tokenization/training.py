"""Training of 32,000 tokens on 105 MB, compared with other trainers; of 76,800 on a gigabyte, with its memory."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tokenization import timed
from tokenization.model import pretoken_pattern

SIZE, LARGE, ROUNDS = 32_000, 76_800, 3
MODULE = "benchmarks.tokenization.train_one"
PEERS = ("rustbpe", "sentencepiece")
THEIRS = timed.ROOT / ".venv-bench-trainers" / "bin" / "python"


def measure(scratch: Path, texts: list[str]) -> dict[str, Any]:
    """Measure own training and PEERS alternately, and `tokenizers` once (it takes a minute), each on one core.

    sentencepiece merges characters and not bytes, so that only its time is compared.
    """
    path = scratch / "texts.json"
    path.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    ours: list[dict[str, Any]] = []
    theirs: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS if THEIRS.exists()}
    for _ in range(ROUNDS):
        ours.append(timed.run(MODULE, "ours", str(path), str(SIZE)))
        for name, runs in theirs.items():
            script = Path(__file__).parent / "peers" / f"{name}_train.py"
            runs.append(timed.run(str(script), str(path), str(SIZE), pretoken_pattern(), python=THEIRS))
    reference = timed.run(MODULE, "tokenizers", str(path), str(SIZE))
    seconds = median(result["cpu_seconds"] for result in ours)
    figures: dict[str, Any] = {
        "megabytes": sum(len(text.encode()) for text in texts) / 1e6,
        "cpu_seconds": seconds,
        "wall_seconds": median(result["wall_seconds"] for result in ours),
        "peak_bytes": ours[0]["peak_bytes"],
        "merges": ours[0]["merges"],
        "merges_equal_those_of_tokenizers": ours[0]["digest"] == reference["digest"],
        "tokenizers_cpu_seconds": reference["cpu_seconds"],
        "times_tokenizers": reference["cpu_seconds"] / seconds,
    }
    for name, runs in theirs.items():
        spent = median(result["cpu_seconds"] for result in runs)
        figures |= {f"{name}_cpu_seconds": spent, f"times_{name}": spent / seconds, name: runs[0]["version"]}
    return figures


def large(scratch: Path, folders: list[Path]) -> dict[str, Any]:
    """Run the tokenizer stage on a gigabyte of documents in one process: seconds and peak memory."""
    return timed.run("benchmarks.tokenization.train_large", str(scratch / "large"), str(LARGE), *map(str, folders))
