"""Seals: the proof of what a folder contains.

A folder is *sealed* by a `manifest.json` that is written last. It holds the size and sha256 of every file, the stage
that made the folder with the version of its code and its options, the digests of the input folders, and counts that
balance. The *digest* is the sha256 of that manifest: one hash that covers every byte. It does not depend on time,
host, path, executor or number of workers, so the same inputs and options give the same digest on every machine.

    SealError
    ├── Unsealed      no manifest: the folder is unfinished, or was not made by arcorp
    └── Damaged       a file is missing, truncated, changed or of another stage; or a manifest is inconsistent

A seal covers the files that its manifest names, and readers open no others. Other files in a folder (the state of a
run, schedules beside a dataset, a card that was added before publishing) are neither trusted nor reported as faults.

This module is also the face of `sharding.durable` (canonical JSON, hashes, atomic files) and `sharding.counts`: other
packages import those names from here. Standard library only: the trainer uses it too.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding import checked
from sharding.counts import Counts, CountsByUnit, total
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
    "remove_temporaries",
    "sync_folder",
    "total",
    "write_json",
    "write_manifest",
]

FORMAT = 1
MANIFEST = "manifest.json"


class SealError(Exception):
    """A folder cannot be trusted; the message names the folder, the file and the remedy."""


class Unsealed(SealError):
    """The folder has no manifest."""


class Damaged(SealError):
    """The files of a folder differ from its manifest, or the manifest is invalid."""


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    stage, version, options: the stage that made the folder, the version of its code, and its options;
    inputs: digests of the input folders by name; counts: input and output by unit; files: size and sha256 by path
    in the folder; summary: free for the stage (JSON without times and paths).
    """

    stage: str
    version: int
    options: dict[str, Any]
    inputs: dict[str, str]
    counts: CountsByUnit
    files: dict[str, FileRecord]
    summary: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `manifest.json`, without the digest (key `root`)."""
        return {
            "format": FORMAT,
            "stage": self.stage,
            "version": self.version,
            "options": self.options,
            "inputs": self.inputs,
            "counts": {unit: counts.to_json() for unit, counts in self.counts.items()},
            "files": {name: [record.bytes, record.sha256] for name, record in self.files.items()},
            "summary": self.summary,
        }

    @property
    def digest(self) -> str:
        """Hex sha256 of the manifest, which covers every byte of the folder."""
        return digest_of(self.to_json())


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Seal a folder: write its manifest, after all its files. Returns the digest.

    Raises Damaged if the counts of a unit do not balance; nothing is written then.
    """
    for unit, counts in manifest.counts.items():
        if not counts.balanced:
            raise Damaged(f"{folder}: {unit} do not balance: {counts.to_json()}; nothing was sealed")
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
        raise Unsealed(
            f"{folder} is not sealed: it has no {MANIFEST}; run the command that makes it until it completes"
        ) from None
    except ValueError as error:
        raise Damaged(f"{path} is not JSON ({error}); delete it and build again") from None
    try:
        if data["format"] != FORMAT:
            raise Damaged(f"{path} has format {data['format']}, this arcorp reads {FORMAT}; build it again")
        manifest = Manifest(
            stage=checked.text(data["stage"], "stage"),
            version=checked.count(data["version"], "version"),
            options=checked.mapping(data["options"], "options"),
            inputs={name: checked.text(digest, name) for name, digest in data["inputs"].items()},
            counts={unit: Counts.from_json(value) for unit, value in data["counts"].items()},
            files=records_from_json(data["files"]),
            summary=checked.mapping(data["summary"], "summary"),
        )
        digest = data["root"]
        checked.refuse_links(folder, manifest.files)
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


@dataclass(frozen=True)
class Fault:
    """A file that differs from its record. `file`: path in the folder; `what`: the difference."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def check_file(folder: Path, name: str, record: FileRecord, *, full: bool, sealed_at: int) -> Fault | None:
    """Compare one file with its record. Returns the fault, or None.

    The size is always compared. The sha256 is compared if `full`, or if the file was modified after `sealed_at`.
    `sealed_at`: modification time, in ns, of the manifest or sidecar that names the file. Copying can give a file a
    later time than its record, so a later time is not a fault, only a reason to hash the file.
    """
    path = folder / name
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Fault(name, "missing")
    if not stat.S_ISREG(status.st_mode):
        return Fault(name, "not a regular file")
    if status.st_size != record.bytes:
        return Fault(name, f"{status.st_size} bytes, sealed with {record.bytes}")
    if (full or status.st_mtime_ns > sealed_at) and hash_file(path).sha256 != record.sha256:
        return Fault(name, "its sha256 differs from the seal")
    return None


def find_faults(
    folder: Path,
    manifest: Manifest,
    *,
    full: bool,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Fault]:
    """Return the faults of all files that `manifest` names.

    full: hash every file; progress: called after each file with its size in bytes.
    """
    sealed_at = (folder / MANIFEST).stat().st_mtime_ns
    faults = []
    for name, record in manifest.files.items():
        fault = check_file(folder, name, record, full=full, sealed_at=sealed_at)
        if fault:
            faults.append(fault)
        progress(record.bytes)
    return faults


class Sealed:
    """An open sealed folder: sizes and times are checked when it is opened, bytes when they are read.

    path: the folder; stage: the stage that must have made it, or None for any.
    Raises Unsealed or Damaged; Damaged also if another stage made the folder.
    """

    def __init__(self, path: Path | str, stage: str | None = None) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        if stage is not None and self.manifest.stage != stage:
            raise Damaged(f"{self.path} is a '{self.manifest.stage}' folder; give a '{stage}' folder instead")
        faults = find_faults(self.path, self.manifest, full=False)
        if faults:
            others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise Damaged(f"{self.path / faults[0].file}: {faults[0].what}{others}; build the folder again")
        self.digest = self.manifest.digest

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Return the names of the sealed files that begin with `prefix` and end with `suffix`, sorted."""
        return sorted(n for n in self.manifest.files if n.startswith(prefix) and n.endswith(suffix))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, checked against the seal. Raises Damaged, also for a name that is not sealed."""
        record = self.manifest.files.get(name)
        if record is None:
            raise Damaged(f"{self.path / name} is not one of the sealed files; build the folder again")
        with naming(self.path / name):
            data = (self.path / name).read_bytes()
        if len(data) != record.bytes or hashlib.sha256(data).hexdigest() != record.sha256:
            raise Damaged(f"{self.path / name} changed since it was sealed; build the folder again")
        return data

    def read_json(self, name: str) -> Any:
        """Return the JSON value of a file, checked against the seal. Raises Damaged, also for invalid JSON."""
        try:
            return parsed(self.read(name))
        except ValueError as error:
            raise Damaged(f"{self.path / name} is not JSON ({error}); build the folder again") from None
