"""`make bench-tokenization`: all figures of tokenization, compared with their goals, printed and kept as JSON.

Speeds are those of one core in processor seconds, which depend little on the load of the machine. The gain of two
workers is measured by the clock and requires an idle machine. Peers are installed in the same environment, except
rustbpe and sentencepiece (`make bench-env`), which are reported as missing if they are not installed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness import Bound, Goal, keep, print_results
from benchmarks.tokenization import corpus, encoding, training, words

GB = 1e9
PACKAGES = ("datatrove", "fastokens", "numba", "numpy", "pyarrow", "tiktoken", "tokenizers")


def main() -> None:
    """Run the measurements named on the command line, or all."""
    load = os.getloadavg()[0]
    scratch = Path(tempfile.mkdtemp(prefix="bench-tokenization-", dir=os.environ.get("TMPDIR")))
    folders = corpus.bulk(scratch)
    texts = corpus.texts(folders)
    trained = encoding.tokenizer(scratch, folders)
    measurements: dict[str, Callable[[], dict[str, Any]]] = {
        "training": lambda: training.measure(scratch, texts),
        "encoding": lambda: encoding.measure(scratch, trained, folders),
        "memory": lambda: encoding.memory(scratch, trained),
        "segmenting": lambda: words.segmenting(texts),
        "reporting": lambda: words.reporting(trained, texts),
        "large": lambda: training.large(scratch, _gigabyte(scratch, folders)),
        "workers": lambda: encoding.two_workers(scratch, trained, _gigabyte(scratch, folders)),
    }
    results: dict[str, Any] = {}
    try:
        for name in sys.argv[1:] or measurements:
            results[name] = print_results(name, measurements[name]())
    finally:
        shutil.rmtree(scratch)
    print(keep("tokenization", results, _goals(results), load, *PACKAGES))


def _gigabyte(scratch: Path, folders: list[Path]) -> list[Path]:
    """Return the folders of a gigabyte of documents, written on first use."""
    grammar = scratch / "documents" / "grammar"
    return [*folders, grammar] if grammar.is_dir() else corpus.gigabyte(scratch, folders)


OWN: tuple[tuple[str, str, tuple[str, ...], float, str, float], ...] = (
    ("training", "training 32,000 tokens on 105 MB", ("cpu_seconds",), 1, "cpu-seconds", 3.5),
    ("large", "memory for 76,800 tokens on 1 GB", ("peak_bytes",), GB, "GB", 4.0),
    ("segmenting", "a million word types segmented", ("cpu_seconds",), 1, "cpu-seconds", 60.0),
    ("workers", "tokenizing with two workers, once started", ("times",), 1, "times", 1.7),
    ("memory", "memory to tokenize books", ("books", "peak_bytes"), GB, "GB", 1.0),
    ("memory", "memory for a 100 MB document", ("giant", "peak_bytes"), GB, "GB", 1.0),
)
"""Goals without a peer: part of the results, question, keys of the figure, what divides it, unit, limit."""


def _goals(results: dict[str, Any]) -> list[Goal]:
    """Return each goal with its measured value."""
    goals: list[Goal] = []
    if "training" in results:
        figures = results["training"]
        seconds = figures["cpu_seconds"]
        for name, limit in (("tokenizers", 8.0), ("rustbpe", 2.5), ("sentencepiece", 1.0)):
            theirs = figures.get(f"{name}_cpu_seconds")
            number = version(name) if name == "tokenizers" else figures.get(name, "")
            goals.append(
                Goal(
                    f"training 32,000 tokens on 105 MB, beside {name}",
                    None if theirs is None else seconds,
                    "cpu-seconds",
                    "at least",
                    limit,
                    f"{name} {number}",
                    theirs,
                    None if theirs is None else theirs / seconds,
                )
            )
        equal = float(figures["merges_equal_those_of_tokenizers"])
        goals.append(Goal("merges equal those of tokenizers, in order", equal, "1 is yes", "at least", 1.0))
    if "encoding" in results:
        figures = results["encoding"]
        speed = figures["MB a cpu-second"]
        for name, limit in (("datatrove", 22.0), ("tiktoken", 3.5), ("fastokens", 0.8)):
            alone = "" if name == "datatrove" else " alone"
            peer = f"{name} {version(name)}"
            goals.append(
                Goal(
                    f"Parquet to sealed tokens, beside {name}{alone}",
                    speed["stage"],
                    "MB a cpu-second",
                    "at least",
                    limit,
                    peer,
                    speed[name],
                    speed["stage"] / speed[name],
                )
            )
        goals.append(Goal("ids of all engines equal", float(figures["ids_equal"]), "1 is yes", "at least", 1.0))
    for name, question, keys, scale, unit, limit in OWN:
        if name in results:
            figure = results[name]
            for key in keys:
                figure = figure[key]
            bound: Bound = "at least" if unit == "times" else "at most"
            goals.append(Goal(question, figure / scale, unit, bound, limit))
    return goals


if __name__ == "__main__":
    main()
