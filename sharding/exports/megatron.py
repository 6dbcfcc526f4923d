"""Megatron-LM: `<split>.bin` of ids and `<split>.idx`, read by megatron.core.datasets.indexed_dataset.

The index contains 9 bytes `MMIDIDX\\0\\0`, version 1 as u64, the code of the dtype as u8, the numbers of sequences and
of document bounds as u64, then lengths as i32, pointers in bytes as i64, and document bounds as i64. Each row is one
sequence and one document, so a sample of `--seq-length` row_tokens is a row and the first id of the next. Megatron has
no u32: 4-byte ids are written as i32, which is sufficient for any vocabulary.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from sharding.exports.order import OrderedRows
from sharding.seal import FileRecord, HashingFile, atomic_file

CODES = {"<u2": 8, "<u4": 4}
CHUNK = 1 << 20


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    """Write the two files of a split. Returns their records by name."""
    names = f"{rows.name}.bin", f"{rows.name}.idx"
    with atomic_file(folder / names[0]) as ids:
        for batch in rows.batches():
            ids.write(batch.ids.data)
    with atomic_file(folder / names[1]) as index:
        index.write(b"MMIDIDX\x00\x00")
        index.write(struct.pack("<QBQQ", 1, CODES[rows.dtype.str], rows.count, rows.count + 1))
        _progression(index, "<i4", rows.count, rows.row_tokens, 0)
        _progression(index, "<i8", rows.count, 0, rows.row_tokens * rows.dtype.itemsize)
        _progression(index, "<i8", rows.count + 1, 0, 1)
    return {names[0]: ids.record, names[1]: index.record}


def _progression(file: HashingFile, dtype: str, count: int, start: int, step: int) -> None:
    """Write the `count` numbers start, start + step, ... in chunks."""
    for first in range(0, count, CHUNK):
        numbers = np.arange(first, min(first + CHUNK, count), dtype=np.int64)
        file.write((start + step * numbers).astype(dtype).data)
