"""Near-duplicates: speed and recall compared with datatrove, and cost of clustering a million documents."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks import scale
from benchmarks.corpora.texts import edited, real
from corpora.dedup import BLOCKS, band_keys

DOCUMENTS = 1_000_000
STOCK_DOCUMENTS, PAIRS = 400, 150
EDITS = [(share, scattered) for scattered in (False, True) for share in (0.05, 0.1, 0.2)]


def theirs() -> Any:
    """Return datatrove's signature step with FineWeb-2's parameters.

    It hashes with sha1, since datatrove's xxhash function fails with xxhash 4.
    """
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig

    hashes = HashConfig(precision=64, hash_fc="sha1")
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=hashes)
    return MinhashDedupSignature("signatures", config, language="arb_Arab")


def signatures() -> dict[str, Any]:
    """Measure megabytes of text per processor second: arcorp on all documents, both on the first STOCK_DOCUMENTS."""
    texts = real()
    column = pa.chunked_array([texts], pa.large_string())
    stock = theirs()
    band_keys(column.slice(0, 10), BLOCKS)
    stock.get_signature(stock.get_shingles(texts[0]))
    ours = max(_speed(texts, lambda: band_keys(column, BLOCKS)) for _ in range(3))
    few = texts[:STOCK_DOCUMENTS]
    same = column.slice(0, STOCK_DOCUMENTS)
    ours_same = max(_speed(few, lambda: band_keys(same, BLOCKS)) for _ in range(3))
    slow = _speed(few, lambda: [stock.get_signature(stock.get_shingles(text)) for text in few])
    return {"ours": ours, "ours on the same": ours_same, "datatrove": slow, "times": ours_same / slow}


def _speed(texts: list[str], work: Any) -> float:
    began = time.process_time()
    work()
    return sum(len(text.encode()) for text in texts) / 1e6 / (time.process_time() - began)


def recall() -> dict[str, Any]:
    """Measure the share of planted near-duplicates that arcorp and datatrove detect, for each kind of edit.

    Each has its own random hash functions. The recalls are equal if they differ by less than three standard errors.
    """
    stock, rng = theirs(), random.Random(2)
    texts = [text for text in real(("arb_news",)) if 200 <= len(text.split()) <= 600][:PAIRS]
    keys, signed = _keys(texts), [_bands(stock, text) for text in texts]
    results: dict[str, Any] = {}
    for share, scattered in EDITS:
        copies = [edited(text, share, scattered=scattered, rng=rng) for text in texts]
        ours = float((keys == _keys(copies)).any(axis=0).mean())
        detected = [
            any(a == b for a, b in zip(bands, _bands(stock, text), strict=True))
            for bands, text in zip(signed, copies, strict=True)
        ]
        other = sum(detected) / len(detected)
        mean = (ours + other) / 2
        error = math.sqrt(2 * mean * (1 - mean) / PAIRS)
        name = f"{share:.0%} of words {'scattered' if scattered else 'in a block'}"
        results[name] = {"ours": ours, "datatrove": other, "equal": abs(ours - other) <= 3 * error}
    return results


def _keys(texts: list[str]) -> npt.NDArray[np.uint64]:
    return band_keys(pa.chunked_array([texts], pa.large_string()), BLOCKS)


def _bands(stock: Any, text: str) -> list[list[int]]:
    return [list(band) for band in stock.get_signature(stock.get_shingles(text))]


def clustering() -> dict[str, Any]:
    """Deduplicate a million simulated documents. Each step is a process of its own, whose peak memory is measured."""
    with TemporaryDirectory() as folder:
        figures = scale.simulate(DOCUMENTS, Path(folder) / "documents")
    steps = [figures[step] for step in ("keys", "pairs", "decide")]
    return {
        "documents": DOCUMENTS,
        "seconds": sum(step["seconds"] for step in steps),
        "peak_bytes": max(step["peak_bytes"] for step in steps),
    }
