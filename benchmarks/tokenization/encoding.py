"""Encoding from Parquet to sealed token files, compared with the engines alone and datatrove; two workers; memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tokenization import corpus, timed
from pipelines.recipe import IngestOptions, SampleOptions, TokenizerOptions
from pipelines.run import Context, run_stage
from pipelines.stages.ingest import ingest_stage
from pipelines.stages.tokenizer import tokenizer_stage

MODULE = "benchmarks.tokenization.encode_one"
ROUNDS = 3
TIMES = 4
"""Repetitions of the documents for the fast engines, because loading a tokenizer takes half a second for any text."""

SLOW = 20_000_000
"""Approximate bytes of text for the engines that encode a few megabytes per second."""

GIANT = 100_000_000


def tokenizer(scratch: Path, folders: list[Path]) -> Path:
    """Train a tokenizer of 32,768 ids on part of the documents."""
    options = TokenizerOptions(sample=SampleOptions(chars=30_000_000))
    return run_stage(tokenizer_stage(scratch / "tokenizer", folders, options, 42), Context(2)).sealed.path


def measure(scratch: Path, trained: Path, folders: list[Path]) -> dict[str, Any]:
    """Measure all engines on the same documents with one core; the slow ones, and the stage again, on part of them."""
    part = _some(scratch)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ("stage", "fastokens", "tiktoken")}
    for number in range(ROUNDS):
        for name, results in runs.items():
            results.append(_encoded(name, scratch, trained, folders * TIMES, f"{name}-{number}"))
    slow = {name: _encoded(name, scratch, trained, [part], name) for name in ("stage", "tokenizers", "datatrove")}
    speed = {name: median(_speed(result) for result in results) for name, results in runs.items()}
    speed |= {name: _speed(slow[name]) for name in ("tokenizers", "datatrove")}
    return {
        "megabytes": runs["stage"][0]["bytes"] / 1e6,
        "megabytes_of_the_slow_ones": slow["stage"]["bytes"] / 1e6,
        "MB a cpu-second": speed,
        **{f"times_{name}": speed["stage"] / speed[name] for name in speed if name != "stage"},
        "ids_equal": len({result["digest"] for results in runs.values() for result in results}) == 1
        and len({result["digest"] for result in slow.values()}) == 1,
        "peak_bytes": max(result["peak_bytes"] for result in runs["stage"]),
    }


def two_workers(scratch: Path, trained: Path, folders: list[Path]) -> dict[str, Any]:
    """Measure a gigabyte with one worker and with two, alternately, by the clock."""
    single, double = [], []
    for number in range(2):
        single.append(_encoded("stage", scratch, trained, folders, f"one-{number}"))
        double.append(_encoded("stage", scratch, trained, folders, f"two-{number}", cores=2))
    single_seconds, double_seconds = (min(result["wall_seconds"] for result in runs) for runs in (single, double))
    return {
        "megabytes": single[0]["bytes"] / 1e6,
        "one": single_seconds,
        "two": double_seconds,
        "times": single_seconds / double_seconds,
    }


def memory(scratch: Path, trained: Path) -> dict[str, Any]:
    """Measure the peak memory of the stage on whole books, and on a document of 100 MB among short ones."""
    books = scratch / "documents" / "books"
    files = str(corpus.SAMPLES / "data/openiti")
    run_stage(ingest_stage(books, "openiti", [files], IngestOptions()), Context(1))
    texts = corpus.texts([scratch / "documents" / "arb_wiki"])
    giant = "\n".join(texts * 8).encode()[:GIANT].decode(errors="ignore")
    folder = _written(scratch, "giant", [*texts[:100], giant, *texts[100:200]])
    return {
        name: {key: result[key] for key in ("bytes", "peak_bytes", "cpu_seconds")}
        for name, result in (
            ("books", _encoded("stage", scratch, trained, [books, scratch / "documents/classical_openiti_0325AH"])),
            ("giant", _encoded("stage", scratch, trained, [folder])),
        )
    }


def _some(scratch: Path) -> Path:
    """Return a folder with every n-th document of all folders, some megabytes in total."""
    texts = corpus.texts([scratch / "documents" / name for name in corpus.BULK])
    step = max(1, sum(len(text.encode()) for text in texts) // SLOW)
    return _written(scratch, "some", [text[:20_000] for text in texts[::step]])


def _written(scratch: Path, name: str, texts: list[str]) -> Path:
    path = scratch / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    folder = scratch / "documents" / name
    run_stage(ingest_stage(folder, "jsonl", [str(path)], IngestOptions(language="arb_Arab")), Context(1))
    return folder


def _encoded(
    engine: str, scratch: Path, trained: Path, folders: list[Path], name: str = "once", cores: int = 1
) -> dict[str, Any]:
    out = scratch / "encoded" / name
    out.parent.mkdir()
    result = timed.run(MODULE, engine, str(trained), str(out), *map(str, folders), cores=cores)
    shutil.rmtree(scratch / "encoded")
    return result


def _speed(result: dict[str, Any]) -> float:
    return float(result["bytes"] / 1e6 / result["cpu_seconds"])
