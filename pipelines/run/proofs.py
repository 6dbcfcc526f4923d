"""Proofs: which files of a folder are known to be as recorded, so that a finished folder is not hashed at each build.

A proof is the sha256 of a file with its size, modification time, status change time and inode at that moment. A file
whose four are unchanged has not been written since: every write sets the status change time, and no program can set
it back, as it can the modification time. Any other file is hashed. A copy has other inodes and is hashed once.

`.arcorp/proofs.json` holds the proofs of a sealed folder, `.arcorp/proofs/<part>.json` those of a part from its
commit until the seal. They are no part of a result: one that is lost or cut costs a hash. Who can write them can
write the manifest too. Damage below the file system, by a failing disk, changes none of the four: stages hash what
they read, and `arcorp verify` hashes everything, whatever is written here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.run.folder_lock import STATE
from sharding import seal
from sharding.seal import Fault, FileRecord, Manifest

PROOFS = "proofs"

Proof = list[str | int]


def _proof(record: FileRecord, status: os.stat_result) -> Proof:
    return [record.sha256, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


class Proofs:
    """The proofs of one folder. `save` keeps what was added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / STATE / f"{PROOFS}.json"
        self._known = _read(self._file)
        self._taken: list[Path] = []
        self._changed = False

    def take(self, part: str) -> None:
        """Add what was noted when a part was committed."""
        path = _of_part(self._folder, part)
        if found := _read(path):
            self._known |= found
            self._taken.append(path)
            self._changed = True

    def distrust(self, names: Iterable[str]) -> None:
        """Forget files: they are hashed when they are next asked for."""
        for name in names:
            self._changed |= self._known.pop(name, None) is not None

    def note(self, name: str, record: FileRecord) -> None:
        """Add a file that was just written, or hashed, with this record."""
        self._known[name] = _proof(record, (self._folder / name).stat())
        self._changed = True

    def fault(self, name: str, record: FileRecord) -> Fault | None:
        """What is wrong with a file. It is hashed unless there is a proof of it."""
        try:
            proof = _proof(record, (self._folder / name).stat())
        except FileNotFoundError:
            return Fault(name, "missing")
        if self._known.get(name) == proof and proof[1] == record.bytes:
            return None
        found = seal.check_file(self._folder, name, record, full=True, sealed_at=0)
        if found is None:
            self._known[name] = proof  # of the file as it was before it was hashed
        else:
            self._known.pop(name, None)
        self._changed = True
        return found

    def faults(self, manifest: Manifest) -> list[Fault]:
        """Every file of a sealed folder that is not as its manifest says."""
        found = [self.fault(name, record) for name, record in manifest.files.items()]
        return [one for one in found if one is not None]

    def save(self) -> None:
        """Write what was added, if the folder can be written."""
        if not self._changed:
            return
        with contextlib.suppress(OSError):
            seal.write_json(self._file, self._known)
            for path in self._taken:
                path.unlink(missing_ok=True)
            self._taken, self._changed = [], False


def note_part(folder: Path, part: str, files: Mapping[str, FileRecord]) -> None:
    """Note the files of a part that were just written; `Proofs.take` reads it back."""
    path = _of_part(folder, part)
    with contextlib.suppress(OSError):  # without it they are hashed
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: _proof(record, (folder / name).stat()) for name, record in files.items()}))


def check_sealed(folder: Path, manifest: Manifest) -> None:
    """Raises Damaged for a sealed folder with a file that is not as its manifest says."""
    proofs = Proofs(folder)
    faults = proofs.faults(manifest)
    proofs.save()
    for fault in faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise seal.Damaged(f"{folder / fault.file}: {fault.what}{more}; build the folder again to mend it")


def check_if_sealed(path: Path | str) -> None:
    """Raises Damaged for a file, or the files of a folder, that a sealed folder holds and that are not as sealed.

    For small things that other code opens by their path: tokenizers. What no seal names passes.
    """
    path = Path(path)
    for folder in (path, *path.parents[:2]):
        try:
            manifest = seal.read_manifest(folder)
        except seal.Damaged:
            if (folder / STATE).is_dir():
                raise
            continue  # a manifest.json of another program
        except (seal.Unsealed, OSError):
            continue
        below = path.relative_to(folder).as_posix()
        for name, record in manifest.files.items():
            if below in (".", name) or name.startswith(f"{below}/"):
                fault = seal.check_file(folder, name, record, full=True, sealed_at=0)
                if fault is not None:
                    raise seal.Damaged(f"{folder / name}: {fault.what}; build the folder again to mend it")
        return


def _of_part(folder: Path, part: str) -> Path:
    return folder / STATE / PROOFS / f"{part}.json"


def _read(path: Path) -> dict[str, Proof]:
    try:
        found = seal.parsed(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
