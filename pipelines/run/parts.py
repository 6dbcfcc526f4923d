"""Parts: the units of a stage's work. Each is made completely or not at all.

A part's files are hashed as they are written and renamed into place. Then its commit record, the *sidecar*
`<part>.json`, is written: the key (a digest of its inputs and options), sizes and hashes of its files, its counts, and
a digest of the record. A part without a sound sidecar does not exist.
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
    """One unit of a stage's work.

    name: stem of its files. spec: JSON that identifies its input. bytes: approximate size of its input.
    """

    name: str
    spec: Any = None
    bytes: int = 0

    @property
    def number(self) -> int:
        """Index of the input part, from the end of the name: 7 for part-00007."""
        return int(self.name.rpartition("-")[2])


class PartWriter:
    """Writes the files of one part, collects its counts, and commits them together."""

    def __init__(self, folder: Path, part: Part, key: str) -> None:
        self._folder, self._part, self._key = folder, part, key
        self._files: dict[str, FileRecord] = {}
        self.counts: CountsByUnit = {}
        self.summary: dict[str, Any] = {}

    @contextlib.contextmanager
    def file(self, suffix: str) -> Iterator[HashingFile]:
        """Write a file of the part, `<part name><suffix>`, atomically: it appears complete or not at all."""
        name = self._part.name + suffix
        with seal.atomic_file(self._folder / name) as file:
            yield file
        self._files[name] = file.record

    def commit(self) -> None:
        """Write the sidecar. The part exists once it is written."""
        body = {
            "key": self._key,
            "files": {name: [record.bytes, record.sha256] for name, record in self._files.items()},
            "counts": {unit: counts.to_json() for unit, counts in self.counts.items()},
            "summary": self.summary,
        }
        note_part(self._folder, self._part.name, self._files)
        seal.write_json(self._folder / f"{self._part.name}.json", {**body, "digest": seal.digest_of(body)})


@dataclass(frozen=True)
class Sidecar:
    """A part's commit record. `name` is the name of the record's own file."""

    name: str
    files: dict[str, FileRecord]
    counts: CountsByUnit
    summary: dict[str, Any]


def read_sidecar(
    folder: Path, part: Part, key: str, proofs: Proofs | None = None, distrusted: Collection[str] = ()
) -> Sidecar | None:
    """Return the part's commit record; None if the part is missing, damaged, or has another key.

    proofs: those of the folder; a file without a proof is hashed. distrusted: names of files that were found damaged;
    a part whose sidecar is among them counts as damaged.
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
        return None  # missing, truncated, or written by another program: the part is made again
    proofs = proofs or Proofs(folder)
    proofs.take(part.name)
    if any(proofs.fault(file, record) for file, record in files.items()):
        return None
    return sidecar
