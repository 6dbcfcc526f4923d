"""Seals: the proof of what a folder contains.

A folder is *sealed* by a `manifest.json` that is written last. It holds the size and sha256 of every file, the stage
that made the folder with the version of its code and its options, the digests of the input folders, and counts that
balance. The *digest* is the sha256 of that manifest: one hash that covers every byte. It does not depend on time,
host, path, executor or number of workers, so the same inputs and options give the same digest on every machine. The
records of more than MOST_FILES files are in leaves (`sharding.leaves`), which the manifest names instead of the files.

A seal covers the files that its manifest names, and readers open no others. Other files in a folder (the state of a
run, schedules beside a dataset, a card that was added before publishing) are neither trusted nor reported as faults.

This module is also the face of `sharding.durable` (canonical JSON, hashes, atomic files), `sharding.damage` (errors)
and `sharding.counts`: other packages import those names from here. Standard library only: the trainer uses it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sharding import checked
from sharding.counts import Counts, CountsByUnit, total
from sharding.damage import Damaged, Fault, SealError, Unsealed, check_file
from sharding.durable import (
    TEMPORARY,
    FileRecord,
    HashingFile,
    atomic_file,
    atomic_folder,
    canonical,
    digest_of,
    hash_file,
    is_temporary,
    naming,
    parsed,
    records_from_json,
    remove_temporaries,
    sync_folder,
    write_json,
)
from sharding.leaves import Leaves, remove_folded, sidecars_in, unfold, write_leaves

__all__ = [
    "FORMAT",
    "MANIFEST",
    "TEMPORARY",
    "Counts",
    "CountsByUnit",
    "Damaged",
    "Fault",
    "FileRecord",
    "HashingFile",
    "Leaves",
    "Manifest",
    "SealError",
    "Sealed",
    "Unsealed",
    "atomic_file",
    "atomic_folder",
    "canonical",
    "check_file",
    "digest_of",
    "find_faults",
    "hash_file",
    "is_temporary",
    "naming",
    "parsed",
    "read_manifest",
    "records_from_json",
    "remove_folded",
    "remove_temporaries",
    "sidecars_in",
    "stored_files",
    "sync_folder",
    "total",
    "unfold",
    "write_json",
    "write_manifest",
]

FORMAT = 1
FORMAT_OF_ROOT = 2
"""Format of a manifest with leaves."""
MANIFEST = "manifest.json"
MOST_FILES = 4000
"""Largest number of files of a manifest without leaves."""


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    stage, version, options: the stage that made the folder, the version of its code, and its options;
    inputs: digests of the input folders by name; counts: input and output by unit; files: size and sha256 by path
    in the folder (Leaves if there are many); summary: free for the stage (JSON without times and paths).
    """

    stage: str
    version: int
    options: dict[str, Any]
    inputs: dict[str, str]
    counts: CountsByUnit
    files: Mapping[str, FileRecord]
    summary: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `manifest.json`, without the digest (key `root`)."""
        leaves = self.leaves
        records = self.files if leaves is None else leaves.own
        value = {
            "format": FORMAT if leaves is None else FORMAT_OF_ROOT,
            "stage": self.stage,
            "version": self.version,
            "options": self.options,
            "inputs": self.inputs,
            "counts": {unit: counts.to_json() for unit, counts in self.counts.items()},
            "files": {name: [record.bytes, record.sha256] for name, record in records.items()},
            "summary": self.summary,
        }
        return value if leaves is None else {**value, "leaves": [list(line) for line in leaves.index]}

    @property
    def leaves(self) -> Leaves | None:
        """The leaves with the records of the files; None if they are in the manifest itself."""
        return self.files if isinstance(self.files, Leaves) else None

    def stored(self) -> Iterator[tuple[str, FileRecord]]:
        """Yield the records of all files in the folder: of leaves, then of what they name, without folded sidecars."""
        if self.leaves is None:
            return iter(self.files.items())
        return itertools.chain(self.leaves.own.items(), self.leaves.stored())

    @property
    def digest(self) -> str:
        """Hex sha256 of the manifest, which covers every byte of the folder."""
        return digest_of(self.to_json())


def write_manifest(folder: Path, manifest: Manifest, *, fold: Collection[str] | None = ()) -> str:
    """Seal a folder: write its manifest, after all its files. Returns the digest.

    fold: names of sidecars whose content is put into the leaves of a folder with many files; None: no leaves, as in
    folders that were sealed before there were any.
    Raises Damaged if the counts of a unit do not balance; nothing is written then.
    """
    for unit, counts in manifest.counts.items():
        if not counts.balanced:
            raise Damaged(f"{folder}: {unit} do not balance: {counts.to_json()}; nothing was sealed")
    if fold is not None and len(manifest.files) > MOST_FILES:
        manifest = replace(manifest, files=write_leaves(folder, manifest.files, fold))
    digest = manifest.digest
    write_json(folder / MANIFEST, {**manifest.to_json(), "root": digest})
    return digest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder, checked against its own digest.

    Raises Unsealed if there is none, Damaged if it was truncated or changed, or has another format version.
    """
    path = folder / MANIFEST
    try:
        with naming(path):
            text = path.read_bytes()
        data = parsed(text)
        is_canonical = text == canonical(data)
    except (FileNotFoundError, NotADirectoryError):
        raise Unsealed(_unsealed(folder)) from None
    except ValueError as error:
        raise Damaged(f"{path} is not JSON ({error}); delete it and build again") from None
    try:
        if data["format"] not in (FORMAT, FORMAT_OF_ROOT):
            raise Damaged(f"{path} has format {data['format']}, this arcorp reads {FORMAT_OF_ROOT}; build it again")
        files: Mapping[str, FileRecord] = records_from_json(data["files"])
        if data["format"] == FORMAT_OF_ROOT:
            files = Leaves(folder, files, [(name, count) for name, count in data["leaves"]])
        else:
            checked.refuse_links(folder, files)
        manifest = Manifest(
            stage=checked.text(data["stage"], "stage"),
            version=checked.count(data["version"], "version"),
            options=checked.mapping(data["options"], "options"),
            inputs={name: checked.text(digest, name) for name, digest in data["inputs"].items()},
            counts={unit: Counts.from_json(value) for unit, value in data["counts"].items()},
            files=files,
            summary=checked.mapping(data["summary"], "summary"),
        )
        digest = data["root"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise Damaged(f"{path} is not a manifest ({reason}); delete it and build again") from None
    if manifest.digest != digest:
        raise Damaged(
            f"{path} was changed: its digest is {manifest.digest[:16]}, the recorded one is {str(digest)[:16]}; "
            "delete it and build again"
        )
    if not is_canonical:  # changes that a parser ignores: a missing newline, a space, a duplicate key
        raise Damaged(f"{path} was changed: it is not canonical JSON; delete it and build again")
    for unit, counts in manifest.counts.items():
        if not counts.balanced:
            raise Damaged(f"{path}: its {unit} do not balance: {counts.to_json()}; delete it and build again")
    return manifest


def stored_files(manifest: Manifest) -> tuple[list[Fault], Iterator[tuple[str, FileRecord]]]:
    """Return the faults of leaves, and the records of all files that exist as such, in order.

    The files of damaged leaves are not among them. The leaves themselves are not either.
    """
    if manifest.leaves is None:
        return [], iter(manifest.files.items())
    faults = manifest.leaves.faults()
    return faults, manifest.leaves.stored(faults)


def find_faults(
    folder: Path,
    manifest: Manifest,
    *,
    full: bool,
    progress: Callable[[int], None] = lambda _: None,
    workers: int = 1,
) -> list[Fault]:
    """Return the faults of all files that `manifest` names, in its order, after those of its leaves.

    full: hash every file, not only leaves; progress: called after each file with its size in bytes; workers: number of
    threads, which hash at the same time.
    """
    sealed_at = (folder / MANIFEST).stat().st_mtime_ns
    faults, stored = stored_files(manifest)

    def check(item: tuple[str, FileRecord]) -> tuple[int, Fault | None]:
        return item[1].bytes, check_file(folder, *item, full=full, sealed_at=sealed_at)

    with contextlib.ExitStack() as stack:
        each: Iterator[tuple[int, Fault | None]] = map(check, stored)
        if full and workers > 1:
            each = stack.enter_context(ThreadPoolExecutor(workers)).map(check, stored)
        for size, fault in each:
            if fault:
                faults.append(fault)
            progress(size)
    return faults


def _unsealed(folder: Path) -> str:
    """Return a sentence on a folder without a manifest: there is none, its folders are sealed, or it is unfinished."""
    if not folder.exists():
        return f"{folder} does not exist, so it has no {MANIFEST}; correct the path"
    with contextlib.suppress(OSError):
        inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
        if inside:
            return f"{folder} is not sealed, its folders are: give one of them, {' or '.join(map(str, inside))}"
    return f"{folder} is not sealed: it has no {MANIFEST}; run the command that makes it until it completes"


class Sealed:
    """An open sealed folder: sizes and times are checked when it is opened, bytes when they are read.

    Of a folder with leaves, only the leaves are checked when it is opened, by size.

    path: the folder; stage: the stage that must have made it, or None for any.
    Raises Unsealed or Damaged; Damaged also if another stage made the folder.
    """

    def __init__(self, path: Path | str, stage: str | None = None) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        if stage is not None and self.manifest.stage != stage:
            raise Damaged(f"{self.path} is a '{self.manifest.stage}' folder; give a '{stage}' folder instead")
        if self.manifest.leaves is None:
            faults = find_faults(self.path, self.manifest, full=False)
        else:
            faults = self.manifest.leaves.faults(full=False)
        if faults:
            others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise Damaged(f"{self.path / faults[0].file}: {faults[0].what}{others}; build the folder again")
        self.digest = self.manifest.digest

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Return the names of the sealed files that begin with `prefix` and end with `suffix`, sorted."""
        leaves = self.manifest.leaves
        names = leaves.names(prefix) if leaves else (n for n in self.manifest.files if n.startswith(prefix))
        return sorted(name for name in names if name.endswith(suffix))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, checked against the seal. Raises Damaged, also for a name that is not sealed."""
        record = self.manifest.files.get(name)
        if record is None:
            raise Damaged(f"{self.path / name} is not one of the sealed files; build the folder again")
        leaves = self.manifest.leaves
        folded = leaves.content(name) if leaves else None
        try:
            with naming(self.path / name):
                data = (self.path / name).read_bytes() if folded is None else folded
        except FileNotFoundError:
            raise Damaged(f"{self.path / name}: missing; build the folder again") from None
        if len(data) != record.bytes or hashlib.sha256(data).hexdigest() != record.sha256:
            raise Damaged(f"{self.path / name} changed since it was sealed; build the folder again")
        return data

    def read_json(self, name: str) -> Any:
        """Return the JSON value of a file, checked against the seal. Raises Damaged, also for invalid JSON."""
        try:
            return parsed(self.read(name))
        except ValueError as error:
            raise Damaged(f"{self.path / name} is not JSON ({error}); build the folder again") from None
