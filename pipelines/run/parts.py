"""Parts: the pieces a stage's work is cut into, each made whole or not at all.

A part's files are hashed as they are written and renamed into place; then its *sidecar* `<part>.json` is written,
its commit record: the key (what it was made of and how), sizes and hashes of its files, its counts, and a digest of
all that. A part without a sound sidecar does not exist.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.run.proofs import Proofs, note_part
from sharding import checked, seal
from sharding.seal import Counts, CountsByUnit, FileRecord, HashingFile


@dataclass(frozen=True)
class Part:
    """One piece of a stage's work. `name` is the stem of its files; `spec` (JSON) says what it is made of; `bytes` are
    what it has to read, about."""

    name: str
    spec: Any = None
    bytes: int = 0

    @property
    def number(self) -> int:
        """Which of what the stage reads it is made of, where its name ends in that: part-00007 is 7."""
        return int(self.name.rpartition("-")[2])


class PartWriter:
    """Writes the files of one part, gathers its counts, and commits them together."""

    def __init__(self, folder: Path, part: Part, key: str) -> None:
        self._folder, self._part, self._key = folder, part, key
        self._files: dict[str, FileRecord] = {}
        self.counts: CountsByUnit = {}
        self.summary: dict[str, Any] = {}

    @contextlib.contextmanager
    def file(self, suffix: str) -> Iterator[HashingFile]:
        """A file of the part, `<part name><suffix>`, that appears whole or not at all."""
        name = self._part.name + suffix
        with seal.atomic_file(self._folder / name) as file:
            yield file
        self._files[name] = file.record

    def commit(self) -> None:
        """Write the sidecar. From now on the part is done."""
        body = {
            "key": self._key,
            "files": {name: [record.bytes, record.sha256] for name, record in self._files.items()},
            "counts": {unit: ledger.to_json() for unit, ledger in self.counts.items()},
            "summary": self.summary,
        }
        note_part(self._folder, self._part.name, self._files)
        seal.write_json(self._folder / f"{self._part.name}.json", {**body, "digest": seal.digest_of(body)})


@dataclass(frozen=True)
class Sidecar:
    """A part's commit record, read back. `name` is its own file's name."""

    name: str
    files: dict[str, FileRecord]
    counts: CountsByUnit
    summary: dict[str, Any]


def read_sidecar(
    folder: Path, part: Part, key: str, proofs: Proofs | None = None, distrusted: Collection[str] = ()
) -> Sidecar | None:
    """The part's commit record if the part is there, sound, and made of what `key` stands for; else None.

    proofs: those of the folder; a file that they don't hold is hashed. distrusted: names of files that were found
    damaged; a part whose own record is among them is made again.
    """
    name = f"{part.name}.json"
    path = folder / name
    if name in distrusted:
        return None
    try:
        text = path.read_bytes()
        data = seal.parsed(text)
        if text != seal.canonical(data) or data["key"] != key or data.pop("digest") != seal.digest_of(data):
            return None
        files = seal.records_from_json(data["files"])
        if not all(file.startswith(f"{part.name}.") for file in files):
            return None
        checked.refuse_links(folder, files)
        counts = {unit: Counts.from_json(value) for unit, value in data["counts"].items()}
        sidecar = Sidecar(name, files, counts, checked.mapping(data["summary"], "summary"))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None  # never written, cut, or not ours: the part is made again
    proofs = proofs or Proofs(folder)
    proofs.take(part.name)
    if any(proofs.fault(file, record) for file, record in files.items()):
        return None
    return sidecar
