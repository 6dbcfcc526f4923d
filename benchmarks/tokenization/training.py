"""Training: 32,000 tokens on 105 MB beside other trainers; 76,800 on a gigabyte, and how much memory that takes."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tokenization import timed
from tokenization.pattern import pattern

SIZE, LARGE, ROUNDS = 32_000, 76_800, 3
MODULE = "benchmarks.tokenization.train_one"
RUSTBPE = timed.ROOT / ".venv-bench-rustbpe" / "bin" / "python"
GRAMMAR_CHARS = 530_000_000  # with the bulk samples a gigabyte of UTF-8


def measure(scratch: Path, texts: list[str]) -> dict[str, Any]:
    """Rounds A B C of ours, rustbpe and `tokenizers` (that one once: it takes a minute), each on one core."""
    path = scratch / "texts.json"
    path.write_text(json.dumps(texts, ensure_ascii=False))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(timed.run(MODULE, "ours", str(path), str(SIZE)))
        if RUSTBPE.exists():
            script = Path(__file__).parent / "peers" / "rustbpe_train.py"
            theirs.append(timed.run(str(script), str(path), str(SIZE), pattern(), python=RUSTBPE))
    reference = timed.run(MODULE, "tokenizers", str(path), str(SIZE))
    seconds = median(one["cpu_seconds"] for one in ours)
    found: dict[str, Any] = {
        "bytes": sum(len(text.encode()) for text in texts),
        "cpu_seconds": seconds,
        "wall_seconds": median(one["wall_seconds"] for one in ours),
        "peak_bytes": ours[0]["peak_bytes"],
        "merges_equal_those_of_tokenizers": ours[0]["digest"] == reference["digest"],
        "tokenizers_cpu_seconds": reference["cpu_seconds"],
        "tokenizers_is_times": reference["cpu_seconds"] / seconds,
    }
    if theirs:
        rust = median(one["cpu_seconds"] for one in theirs)
        found |= {"rustbpe_cpu_seconds": rust, "rustbpe_is_times": rust / seconds, "rustbpe": theirs[0]["version"]}
    return found


def large(scratch: Path, folders: list[Path]) -> dict[str, Any]:
    """A gigabyte as documents, counted by the tokenizer stage with two workers: seconds and peak memory."""
    return timed.run("benchmarks.tokenization.train_large", str(scratch), *map(str, folders), cores=2)
