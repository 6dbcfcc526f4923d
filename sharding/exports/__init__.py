"""Exports: the rows of a dataset in the formats of other trainers, one file of this folder each.

    megatron    <split>.bin, <split>.idx        Megatron-LM's IndexedDataset
    datatrove   <split>.ds, .index, .metadata   datatrove's DatatroveFileDataset (nanotron)
    llmc        <split>_000000.bin, ...         llm.c and modded-nanogpt
    nanogpt     train.bin, val.bin              nanoGPT
    parquet     <split>-00000.parquet, ...      anything; `datasets.load_dataset`

Training rows are written in the order of the schedule, repeats and all, or each once (`unique`), since none of
these formats can repeat or mix by itself; validation rows always once.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sharding.errors import OptionError

if TYPE_CHECKING:
    from sharding.rows import Dataset
    from sharding.seal import FileRecord

ExportFormat = Literal["megatron", "datatrove", "llmc", "nanogpt", "parquet"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)


def export(dataset: Dataset, to: str, folder: Path, *, unique: bool = False) -> dict[str, FileRecord]:
    """Write a dataset's splits into `folder` as `to` reads them. Returns the records of the files, by name.

    Every shard is hashed before a row of it is written. Raises OptionError for an unknown format, or a vocabulary that
    it can't hold; Damaged.
    """
    if to not in FORMATS:
        raise OptionError(f"export to {to!r} is unknown; choose one of {', '.join(FORMATS)}")
    from sharding.exports.order import ordered

    write = import_module(f"sharding.exports.{to}").write
    files: dict[str, FileRecord] = {}
    for rows in ordered(dataset, unique):
        files.update(write(rows, folder))
    dataset.settle()  # no shard changed since it was proven
    return files
