"""The chain with arcorp's own commands: ingest, deduplicate, tokenize, pack, verify; everything sealed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pipelines import cli
from sharding.seal import Sealed


class Steps:
    """Runs commands one after another, and keeps the processor seconds of each."""

    def __init__(self, tokenizer: Path, workers: int, clock: Callable[[], float]) -> None:
        self.tokenizer, self.workers, self.clock = str(tokenizer), str(workers), clock
        self.seconds: dict[str, float] = {}

    def run(self, *words: str) -> None:
        began, clocked = self.clock(), time.perf_counter()
        if cli.run([*words, "--workers", self.workers, "--format", "quiet"]):
            raise RuntimeError(f"arcorp {words[0]} failed")
        self.seconds[words[0]] = self.clock() - began
        self.seconds[f"{words[0]} by the clock"] = time.perf_counter() - clocked


def fineweb(folder: Path, out: Path, steps: Steps) -> int:
    """FineWeb-2's path: it is filtered and deduplicated as it is published. Returns the tokens packed."""
    documents, tokens = str(out / "documents"), str(out / "tokens")
    steps.run("ingest", "fineweb-2", str(folder), "--out", documents)
    return _shards([documents], tokens, out, steps)


def oscar(folder: Path, out: Path, steps: Steps) -> int:
    """OSCAR's path: the filters of the web, near-duplicates."""
    documents, unique, tokens = str(out / "documents"), str(out / "unique"), str(out / "tokens")
    steps.run("ingest", "oscar", str(folder), "--out", documents, "--set", "quality.profile=web")
    steps.run("dedup", documents, "--out", unique, "--method", "minhash")
    return _shards([unique], tokens, out, steps)


def _shards(documents: list[str], tokens: str, out: Path, steps: Steps) -> int:
    steps.run("tokenize", *documents, "--tokenizer", steps.tokenizer, "--out", tokens)
    steps.run("pack", tokens, "--out", str(out / "dataset"), "--row-tokens", "2048", "--window", "100000")
    return Sealed(out / "dataset").manifest.counts["tokens"].out
