"""datatrove: `<split>.ds` of ids, `.ds.index` of segment ends as u64, `.ds.metadata`, for nanotron and others.

Read it with `DatatroveFileDataset(path, seq_len=row_tokens - 1, token_size=2 or 4)`: an item is a row. `token_size`
must match the file: its default is 2, and a file of 4-byte ids read with it gives twice the rows without an error.
With `return_positions`, positions restart at each segment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sharding.exports.order import OrderedRows
from sharding.layout import TOKENIZER
from sharding.seal import FileRecord, atomic_file


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    """Write the three files of a split. Returns their records by name."""
    name = f"{rows.name}.ds"
    with atomic_file(folder / name) as ids, atomic_file(folder / f"{name}.index") as index:
        done = 0
        for batch in rows.batches():
            ids.write(batch.ids.data)
            begins = np.flatnonzero(batch.starts)
            index.write((done + np.append(begins[1:], batch.ids.size)).astype("<u8").data)
            done += batch.ids.size
    with atomic_file(folder / f"{name}.metadata") as metadata:
        metadata.write(f"{TOKENIZER}|{rows.dtype.itemsize}\n{rows.tokens}\n{rows.tokens:,} tokens".encode())
    return {name: ids.record, f"{name}.index": index.record, f"{name}.metadata": metadata.record}
