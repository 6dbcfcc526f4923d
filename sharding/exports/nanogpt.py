"""nanoGPT: `train.bin` and `val.bin`, u16 ids without a header, the only dtype that its train.py reads."""

from __future__ import annotations

from pathlib import Path

from sharding.errors import OptionError
from sharding.exports.order import OrderedRows
from sharding.seal import FileRecord, atomic_file

SPLIT_NAMES = {"train": "train", "validation": "val"}


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    """Write the file of a split. Returns its record by name. Raises OptionError for 4-byte ids."""
    if rows.dtype.itemsize != 2:
        raise OptionError(
            f"nanoGPT reads 16-bit ids only, this vocabulary has {rows.dataset.vocab_size}; export to llmc or parquet"
        )
    name = f"{SPLIT_NAMES[rows.name]}.bin"
    with atomic_file(folder / name) as file:
        for batch in rows.batches():
            file.write(batch.ids.data)
    return {name: file.record}
