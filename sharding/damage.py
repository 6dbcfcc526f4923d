"""Damage of sealed folders: the errors of `sharding.seal`, and the comparison of a file with its record.

    SealError
    ├── Unsealed      no manifest: the folder is unfinished, or was not made by arcorp
    └── Damaged       a file is missing, truncated, changed or of another stage; or a manifest is inconsistent

Standard library only: the trainer uses this module too.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from sharding.durable import FileRecord, hash_file


class SealError(Exception):
    """A folder cannot be trusted; the message names the folder, the file and the remedy."""


class Unsealed(SealError):
    """The folder has no manifest."""


class Damaged(SealError):
    """The files of a folder differ from its manifest, or the manifest is invalid."""


@dataclass(frozen=True)
class Fault:
    """A file that differs from its record. `file`: path in the folder; `what`: the difference."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def check_file(folder: Path, name: str, record: FileRecord, *, full: bool, sealed_at: int = 0) -> Fault | None:
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
