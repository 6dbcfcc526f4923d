"""From Parquet to documents: copying alone, the whole web path beside stock datatrove, on two cores, with a giant."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.corpora.texts import many, real, with_copies, write_fineweb
from benchmarks.corpora.work import measured

ROUNDS = 3
COPIED, SAME, SPREAD = 120.0, 8.0, 300.0
"""Megabytes of text: to copy, to run through both web paths, to share among workers."""

GIANT = 100_000_000


def normalising() -> dict[str, float]:
    """Normalisation alone, megabytes a processor second."""
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
            for _ in range(ROUNDS + 1):  # the first compiles
                steps = Clean(find_source("fineweb-2")(), Normalisation(tashkeel), DocumentCounter())
                documents = [Document(text, "", metadata={"language": "arb_Arab"}) for text in texts]
                began = time.process_time()
                for _ in steps.run(iter(documents)):
                    pass
                times.append(time.process_time() - began)
            results[f"{name}, tashkeel {tashkeel}"] = size / min(times[1:])
    return results


def copying(scratch: Path) -> dict[str, Any]:
    """Read, normalise and write, no filters."""
    size = write_fineweb(scratch / "copied", many(COPIED))
    runs = [measured("copying", scratch / "copied", scratch / "out") for _ in range(ROUNDS)]
    return {"megabytes": size, "MB a cpu-second": median(size / one["cpu_seconds"] for one in runs), **_of(runs)}


def beside_stock(scratch: Path) -> dict[str, Any]:
    """The web path and datatrove's on the same documents, one core, in turns."""
    size = write_fineweb(scratch / "same", list(with_copies(many(SAME))))
    theirs = measured("stock", scratch / "same", scratch / "out")
    ours = [measured("web", scratch / "same", scratch / "out") for _ in range(ROUNDS)]
    speed = median(size / one["cpu_seconds"] for one in ours)
    slow = size / theirs["cpu_seconds"]
    results = {"megabytes": size, "ours, MB a cpu-second": speed, "datatrove, MB a cpu-second": slow}
    return {**results, "times": speed / slow, "ours": _of(ours), "datatrove": _of([theirs])}


def two_workers(scratch: Path) -> dict[str, Any]:
    """The web path with one worker and with two, by the clock, in turns."""
    size = write_fineweb(scratch / "spread", list(with_copies(many(SPREAD))))
    ones, twos = [], []
    for _ in range(2):
        ones.append(measured("web", scratch / "spread", scratch / "out", 1))
        twos.append(measured("web", scratch / "spread", scratch / "out", 2))
    one, two = (min(run["seconds"] for run in runs) for runs in (ones, twos))
    return {"megabytes": size, "one": one, "two": two, "times": one / two, "peak_bytes": ones[0]["peak_bytes"]}


def giant(scratch: Path) -> dict[str, Any]:
    """The web path of a few documents, one of them of 100 MB, in one worker."""
    texts = real(("arb_news",))[:200]
    whole = "\n".join(many(GIANT / 1e6 * 1.05))
    texts.insert(100, whole.encode()[:GIANT].decode(errors="ignore"))
    write_fineweb(scratch / "giant", texts)
    found = measured("web", scratch / "giant", scratch / "out")
    copied = measured("copying", scratch / "giant", scratch / "out")
    return {"web path": _of([found]), "read, normalise, write": _of([copied])}


def _of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "documents": runs[0]["documents"],
        **{key: median(one[key] for one in runs) for key in ("seconds", "cpu_seconds")},
        "peak_bytes": max(one["peak_bytes"] for one in runs),
    }
