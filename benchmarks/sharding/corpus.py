"""Input of benchmarks: sealed tokens folders of log-normal documents with random ids."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sharding.layout import TOKENIZER
from sharding.packing import INDEX
from sharding.seal import FileRecord, Manifest, write_manifest

VOCAB = 50_000
MEAN, SIGMA = 1000.0, 1.0  # tokens a document: median 607, 99th percentile 6,240


def lengths(documents: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the number of tokens of each document: int64, (documents,)."""
    drawn = np.random.default_rng(seed).lognormal(np.log(MEAN) - SIGMA**2 / 2, SIGMA, documents)
    return np.maximum(drawn, 1).astype(np.int64)


def write_tokens(folder: Path, documents: int, per_part: int, *, ids: bool, strata: int = 4) -> Path:
    """Write a sealed tokens folder, one stratum after the other as ingestion writes them.

    ids: False for sparse .bin files of the right size, which are sufficient for planning.
    """
    folder.mkdir(parents=True)
    files: dict[str, FileRecord] = {}
    rng = np.random.default_rng(1)
    for part, first in enumerate(range(0, documents, per_part)):
        name, count = f"part-{part:05d}", min(per_part, documents - first)
        tokens = lengths(count, seed=part)
        stratum = pa.array((np.arange(first, first + count) * strata // documents).astype(np.int32))
        languages = pa.array([f"lang-{k}" for k in range(strata)])
        numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
        columns = {
            "id": numbers,
            "source": pa.array(["web"] * count),
            "language": languages.take(stratum),
            "category": pa.array(["text"] * count),
            "license": pa.nulls(count, pa.string()),
            "url": pa.nulls(count, pa.string()),
            "cluster": numbers,
            "offset": np.cumsum(tokens) - tokens,
            "tokens": tokens,
            "bytes": tokens * 4,
            "chars": tokens * 2,
        }
        pq.write_table(pa.table(columns, INDEX), folder / f"{name}.parquet", compression="zstd")
        if ids:
            rng.integers(0, VOCAB, int(tokens.sum()), dtype=np.uint16).tofile(folder / f"{name}.bin")
        else:
            with (folder / f"{name}.bin").open("wb") as file:
                file.truncate(int(tokens.sum()) * 2)
        for suffix in ("bin", "parquet"):
            path = folder / f"{name}.{suffix}"
            hashed = ids or suffix == "parquet"
            sha256 = hashlib.file_digest(path.open("rb"), "sha256").hexdigest() if hashed else "0" * 64
            files[path.name] = FileRecord(path.stat().st_size, sha256)
    (folder / TOKENIZER).parent.mkdir()
    (folder / TOKENIZER).write_text("{}")
    files[TOKENIZER] = FileRecord(2, hashlib.sha256(b"{}").hexdigest())
    summary = {"tokenizer": files[TOKENIZER].sha256, "vocab_size": VOCAB, "dtype": "<u2"}
    write_manifest(folder, Manifest("tokenize", 1, {}, {}, {}, files, summary))
    return folder


def forget(folder: Path) -> None:
    """Write the files of a folder to disk and drop them from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
