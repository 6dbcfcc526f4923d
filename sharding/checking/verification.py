"""Verifying: is a folder what it says it is?

    quick   sizes and the manifest against its digest; milliseconds. Any sealed folder.
    full    every byte against its sha256; the speed of the disk. Any sealed folder.
    deep    besides, for a dataset: what the bytes mean. See `sharding.checking.audit`.

A dataset's schedules, any JSON beside its seal, are checked at every level. A fault names the file, and in a deep
verification the row and the document.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from sharding.checking.audit import DocumentReader, audit
from sharding.errors import OptionError
from sharding.options import Level
from sharding.rows import Dataset
from sharding.scheduling import Schedule
from sharding.seal import MANIFEST, Fault, SealError, find_faults, read_manifest


def verify(
    folder: Path,
    level: str = "full",
    *,
    decode: Callable[[list[int]], str] | None = None,
    read_document: DocumentReader | None = None,
    sample_rows: int = 64,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Fault]:
    """Every fault found in a sealed folder; none means that it is as it was sealed.

    `progress` is told the bytes of each file as it is done. `decode` (ids to text) and `read_document` (id to
    text) are needed to compare `sample_rows` rows of a dataset with their source in a deep verification.
    Raises Unsealed or Damaged if the manifest itself can't be trusted: nothing can be said of the rest then.
    """
    if level not in get_args(Level):
        raise OptionError(f"verification level {level!r} is unknown; choose one of {', '.join(get_args(Level))}")
    manifest = read_manifest(folder)
    faults = find_faults(folder, manifest, full=level != "quick", progress=progress)
    if manifest.stage == "pack":
        for path in sorted(folder.glob("*.json")):  # a schedule lies beside the seal and proves itself
            if path.name != MANIFEST and path.name not in manifest.files:
                try:
                    Schedule.read(path, manifest)
                except SealError as error:
                    faults.append(Fault(path.name, str(error)))
        if level == "deep" and not faults:
            faults += audit(folder, manifest, decode=decode, read_document=read_document, sample_rows=sample_rows)
    return faults


def recompute_order_hash(dataset: Dataset, start: int, stop: int, previous: bytes | None = None) -> bytes:
    """The order hash after step stop - 1, from what lies on disk.

    `previous`: the hash before step `start`, which a run's metrics hold; needed unless start is 0.
    """
    if previous is None:
        if start:
            raise OptionError(f"the order hash before step {start} is needed to go on from there")
        previous = bytes.fromhex(dataset.digest)
    for step in range(start, stop):
        previous = dataset.order_hash(previous, step)
    return previous
