"""Verification of sealed folders, at three levels.

    quick   the sizes of all files, and the manifest against its digest. Any sealed folder; milliseconds.
    full    the sha256 of every file as well. Any sealed folder; limited by the disk.
    deep    the content of a dataset as well. See `sharding.checking.audit`.

The schedules of a dataset (all JSON files outside its seal) are checked at every level. A fault names the file and, in
a deep verification, the row and the document.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from sharding.checking.audit import DocumentReader, audit
from sharding.checking.masks import Rendered
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
    read_documents: DocumentReader | None = None,
    rendered: Rendered | None = None,
    sample_rows: int = 64,
    progress: Callable[[int], None] = lambda _: None,
    workers: int = 1,
) -> list[Fault]:
    """Return all faults of a sealed folder. An empty list means that it is unchanged.

    level: `quick`, `full` or `deep`; decode: converts ids to text; read_documents: returns the texts of documents by
    their ids; both are required to compare `sample_rows` rows of each split with their documents in a deep
    verification; rendered: yields the conversations, which a deep verification compares with all their rows and masks;
    progress: called after each file with its size in bytes; workers: threads that hash files. Raises Unsealed or
    Damaged if the manifest itself is missing or invalid, OptionError for an unknown level.
    """
    if level not in get_args(Level):
        raise OptionError(f"verification level {level!r} is unknown; choose one of {', '.join(get_args(Level))}")
    manifest = read_manifest(folder)
    faults = find_faults(folder, manifest, full=level != "quick", progress=progress, workers=workers)
    if manifest.stage == "pack":
        for path in sorted(folder.glob("*.json")):  # a schedule is outside the seal and has its own digest
            if path.name != MANIFEST and path.name not in manifest.files:
                try:
                    Schedule.read(path, manifest)
                except SealError as error:
                    faults.append(Fault(path.name, str(error)))
        if level == "deep" and not faults:
            faults += audit(
                folder,
                manifest,
                decode=decode,
                read_documents=read_documents,
                rendered=rendered,
                sample_rows=sample_rows,
            )
    return faults


def recompute_order_hash(dataset: Dataset, start: int, stop: int, previous: bytes | None = None) -> bytes:
    """Return the order hash after step stop - 1, computed from the rows on disk.

    previous: the order hash before step `start`, as in the metrics of a run; required unless `start` is 0.
    Raises OptionError if it is missing.
    """
    if previous is None:
        if start:
            raise OptionError(f"the order hash before step {start} is required")
        previous = bytes.fromhex(dataset.digest)
    for step in range(start, stop):
        previous = dataset.order_hash(previous, step)
    return previous
