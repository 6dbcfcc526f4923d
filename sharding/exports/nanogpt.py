"""nanoGPT: `train.bin` and `val.bin`, nothing but u16 ids (its train.py reads them so, whatever they are)."""

from __future__ import annotations

from pathlib import Path

from sharding.errors import OptionError
from sharding.exports.order import OrderedRows
from sharding.seal import FileRecord, atomic_file

SPLIT_NAMES = {"train": "train", "validation": "val"}


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    if rows.dtype.itemsize != 2:
        raise OptionError(
            f"nanoGPT reads 16-bit ids alone, this vocabulary has {rows.dataset.vocab_size}; export to llmc or parquet"
        )
    name = f"{SPLIT_NAMES[rows.name]}.bin"
    with atomic_file(folder / name) as file:
        for batch in rows.batches():
            file.write(batch.ids.data)
    return {name: file.record}
