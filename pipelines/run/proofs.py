"""Proofs: evidence that files are unchanged since they were hashed, so that finished folders are not hashed again.

A proof is the sha256 of a file with its size, modification time, status change time and inode at that moment. A file
whose four values are unchanged has not been written since: every write sets the status change time, and no program can
set it back (unlike the modification time). Any other file is hashed. A copy has other inodes and is hashed once.

PROOFS holds the proofs of a sealed folder, PART_PROOFS those of each part from its commit to the seal. No result
contains them: a missing or damaged proof costs one hash. A program that can write them can write the manifest too.
Damage below the file system (a failing disk) changes none of the four values: therefore stages hash the files that
they read, and `arcorp verify` hashes all files.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.run.state_files import PART_PROOFS, PROOFS, STATE
from sharding import seal
from sharding.seal import Fault, FileRecord, Manifest

Proof = list[str | int]


def _proof(record: FileRecord, status: os.stat_result) -> Proof:
    return [record.sha256, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


class Proofs:
    """The proofs of one folder. `save` writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / PROOFS
        self._proofs = _read(self._file)
        self._taken: list[Path] = []
        self._changed = False

    def take(self, part: str) -> None:
        """Add the proofs that were noted when a part was committed."""
        path = _part_file(self._folder, part)
        if proofs := _read(path):
            self._proofs |= proofs
            self._taken.append(path)
            self._changed = True

    def distrust(self, names: Iterable[str]) -> None:
        """Remove the proofs of files, so that these are hashed when they are next checked."""
        for name in names:
            self._changed |= self._proofs.pop(name, None) is not None

    def distrust_all(self) -> None:
        """Remove all proofs, so that all files are hashed when they are next checked."""
        self._proofs, self._changed = {}, True

    def note(self, name: str, record: FileRecord) -> None:
        """Add a proof of a file that was just written or hashed with this record."""
        self._proofs[name] = _proof(record, (self._folder / name).stat())
        self._changed = True

    def fault(self, name: str, record: FileRecord) -> Fault | None:
        """Return how a file differs from its record, or None. It is hashed unless there is a proof of it."""
        try:
            proof = _proof(record, (self._folder / name).stat())
        except FileNotFoundError:
            return Fault(name, "missing")
        if self._proofs.get(name) == proof and proof[1] == record.bytes:
            return None
        fault = seal.check_file(self._folder, name, record, full=True)
        if fault is None:
            self._proofs[name] = proof  # with the times from before the file was hashed
        else:
            self._proofs.pop(name, None)
        self._changed = True
        return fault

    def faults(self, manifest: Manifest) -> list[Fault]:
        """Return the faults of all files of a sealed folder that differ from its manifest."""
        faults, stored = seal.stored_files(manifest)
        return faults + [fault for item in stored if (fault := self.fault(*item)) is not None]

    def save(self) -> None:
        """Write the proofs if any changed and the folder can be written."""
        if not self._changed:
            return
        with contextlib.suppress(OSError):
            seal.write_json(self._file, self._proofs)
            for path in self._taken:
                path.unlink(missing_ok=True)
            self._taken, self._changed = [], False


def note_part(folder: Path, part: str, files: Mapping[str, FileRecord]) -> None:
    """Write the proofs of a part whose files were just written; `Proofs.take` reads them."""
    path = _part_file(folder, part)
    with contextlib.suppress(OSError):  # without proofs the files are hashed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: _proof(record, (folder / name).stat()) for name, record in files.items()}))


def check_sealed(folder: Path, manifest: Manifest) -> None:
    """Check all files of a sealed folder. Raises Damaged if one differs from its manifest."""
    proofs = Proofs(folder)
    faults = proofs.faults(manifest)
    proofs.save()
    for fault in faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise seal.Damaged(f"{folder / fault.file}: {fault.what}{more}; build the folder again to mend it")


def check_if_sealed(path: Path | str) -> None:
    """Check a file, or the files of a folder, inside a sealed folder. Raises Damaged if one differs from the manifest.

    For small folders that other code opens by path: tokenizers. Files that no manifest lists pass.
    """
    path = Path(path)
    for folder in (path, *path.parents[:2]):
        try:
            manifest = seal.read_manifest(folder)
        except seal.Damaged:
            if (folder / STATE).is_dir():
                raise
            continue  # the manifest.json of another program
        except (seal.Unsealed, OSError):
            continue
        below = path.relative_to(folder).as_posix()
        for name, record in manifest.stored():
            if below in (".", name) or name.startswith(f"{below}/"):
                fault = seal.check_file(folder, name, record, full=True)
                if fault is not None:
                    raise seal.Damaged(f"{folder / name}: {fault.what}; build the folder again to mend it")
        return


def _part_file(folder: Path, part: str) -> Path:
    return folder / PART_PROOFS / f"{part}.json"


def _read(path: Path) -> dict[str, Proof]:
    try:
        proofs = seal.parsed(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return proofs if isinstance(proofs, dict) else {}
