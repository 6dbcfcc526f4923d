"""Exports: the rows of a dataset in the formats of other trainers, one module for each format.

    megatron    <split>.bin, <split>.idx        Megatron-LM's IndexedDataset
    datatrove   <split>.ds, .index, .metadata   datatrove's DatatroveFileDataset (nanotron)
    llmc        <split>_000000.bin, ...         llm.c and modded-nanogpt
    nanogpt     train.bin, val.bin              nanoGPT
    parquet     <split>-00000.parquet, ...      any other; `datasets.load_dataset`

Training rows are written in the order of the schedule, including repeats, because none of these formats can repeat or
mix rows; with `unique` each row is written once. Validation rows are always written once. Only Parquet can express
that ids are not trained on: the other formats have no loss mask, so that a dataset with masks is refused.
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
WITH_MASKS = ("parquet",)


def export(dataset: Dataset, to: str, folder: Path, *, unique: bool = False) -> dict[str, FileRecord]:
    """Write the splits of a dataset to `folder` in the format `to`. Returns the records of the files by name.

    to: one of `FORMATS`; unique: write each training row once instead of following the schedule. Every shard is hashed
    before its rows are written. Raises OptionError for an unknown format, and for a vocabulary or masks that it
    does not support, Damaged for a changed file.
    """
    if to not in FORMATS:
        raise OptionError(f"export to {to!r} is unknown; choose one of {', '.join(FORMATS)}")
    if to not in WITH_MASKS and dataset.layout.is_masked:
        raise OptionError(
            f"{dataset.path} has masks (conversations), and the files of {to} have no loss mask: its trainer would "
            f"train on what users write too; export to {' or '.join(WITH_MASKS)}"
        )
    from sharding.exports.order import ordered

    write = import_module(f"sharding.exports.{to}").write
    files: dict[str, FileRecord] = {}
    for rows in ordered(dataset, unique):
        files.update(write(rows, folder))
    dataset.settle()  # raises if a shard changed since it was verified
    return files
