"""From Parquet to documents: copying, the web path compared with datatrove, two workers, and a very long document.

The web path reads, cleans, filters, deduplicates and writes documents.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.corpora.texts import many, real, with_copies, write_fineweb
from benchmarks.corpora.work import measured

ROUNDS = 3
COPIED, SAME, SPREAD = 120.0, 8.0, 300.0
"""Megabytes of text for copying, for both web paths, and for the comparison of one and two workers."""

GIANT = 100_000_000
"""Bytes of the very long document."""


def normalising() -> dict[str, float]:
    """Measure normalisation alone, in megabytes per processor second."""
    import time

    from datatrove.data import Document

    from corpora.cleaning import Clean, Normalisation
    from corpora.document_counts import DocumentCounter
    from corpora.sources import find_source

    results = {}
    for name in ("arb_news", "hadith_vocalised"):
        texts = real((name,))
        size = sum(len(text.encode()) for text in texts) / 1e6
        for tashkeel in ("keep", "drop"):
            times = []
            for _ in range(ROUNDS + 1):  # the first round compiles
                steps = Clean(find_source("fineweb-2")(), Normalisation(tashkeel), DocumentCounter())
                documents = [Document(text, "", metadata={"language": "arb_Arab"}) for text in texts]
                began = time.process_time()
                for _ in steps.run(iter(documents)):
                    pass
                times.append(time.process_time() - began)
            results[f"{name}, tashkeel {tashkeel}"] = size / min(times[1:])
    return results


def copying(scratch: Path) -> dict[str, Any]:
    """Measure reading, normalising and writing, without filters."""
    size = write_fineweb(scratch / "copied", many(COPIED))
    runs = [measured("copying", scratch / "copied", scratch / "out") for _ in range(ROUNDS)]
    return {"megabytes": size, "MB a cpu-second": median(size / run["cpu_seconds"] for run in runs), **_of(runs)}


def beside_stock(scratch: Path) -> dict[str, Any]:
    """Measure the web path and that of datatrove on the same documents, on one core."""
    size = write_fineweb(scratch / "same", list(with_copies(many(SAME))))
    theirs = measured("stock", scratch / "same", scratch / "out")
    ours = [measured("web", scratch / "same", scratch / "out") for _ in range(ROUNDS)]
    speed = median(size / run["cpu_seconds"] for run in ours)
    slow = size / theirs["cpu_seconds"]
    results = {"megabytes": size, "ours, MB a cpu-second": speed, "datatrove, MB a cpu-second": slow}
    return {**results, "times": speed / slow, "ours": _of(ours), "datatrove": _of([theirs])}


def two_workers(scratch: Path) -> dict[str, Any]:
    """Measure the wall-clock time of the web path with one and with two workers, alternating."""
    size = write_fineweb(scratch / "spread", list(with_copies(many(SPREAD))))
    single, double = [], []
    for _ in range(2):
        single.append(measured("web", scratch / "spread", scratch / "out", 1))
        double.append(measured("web", scratch / "spread", scratch / "out", 2))
    slow, fast = (min(run["seconds"] for run in runs) for runs in (single, double))
    return {"megabytes": size, "one": slow, "two": fast, "times": slow / fast, "peak_bytes": single[0]["peak_bytes"]}


def giant(scratch: Path) -> dict[str, Any]:
    """Measure the memory of one worker for a few documents, of which one has 100 MB."""
    texts = real(("arb_news",))[:200]
    whole = "\n".join(many(GIANT / 1e6 * 1.05))
    texts.insert(100, whole.encode()[:GIANT].decode(errors="ignore"))
    write_fineweb(scratch / "giant", texts)
    web = measured("web", scratch / "giant", scratch / "out")
    copied = measured("copying", scratch / "giant", scratch / "out")
    return {"web path": _of([web]), "read, normalise, write": _of([copied])}


def _of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "documents": runs[0]["documents"],
        **{key: median(run[key] for run in runs) for key in ("seconds", "cpu_seconds")},
        "peak_bytes": max(run["peak_bytes"] for run in runs),
    }
