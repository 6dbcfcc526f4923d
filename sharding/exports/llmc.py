"""llm.c and modded-nanogpt: `<split>_000000.bin`, ..., each a header of 256 i32 followed by ids.

The header contains magic, version and number of tokens, followed by zeros. Magic and version are 20240520 and 1 for
u16 ids (GPT-2), 20240801 and 7 for u32 (Llama 3). llm.c checks all three and the size of each file
(llmc/dataloader.h). A file has about 100 million tokens and only whole rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sharding.exports.order import OrderedRows
from sharding.layout import Ids
from sharding.seal import FileRecord, atomic_file

HEADERS = {"<u2": (20240520, 1), "<u4": (20240801, 7)}
FILE_TOKENS = 100_000_000  # llm.c counts tokens of a file in an i32
SPLIT_NAMES = {"train": "train", "validation": "val"}


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    """Write the files of a split. Returns their records by name."""
    per_file = max(FILE_TOKENS // rows.row_tokens, 1)
    arrays = _single_rows(rows)
    files = {}
    for number, first in enumerate(range(0, rows.count, per_file)):
        count = min(per_file, rows.count - first)
        header = np.zeros(256, "<i4")
        header[:3] = (*HEADERS[rows.dtype.str], count * rows.row_tokens)
        name = f"{SPLIT_NAMES[rows.name]}_{number:06d}.bin"
        with atomic_file(folder / name) as file:
            file.write(header.data)
            for _ in range(count):
                file.write(next(arrays).data)
        files[name] = file.record
    return files


def _single_rows(rows: OrderedRows) -> Iterator[Ids]:
    for batch in rows.batches():
        yield from batch.ids
