"""Verification of files while they are read: each file is hashed once, when it is first opened.

There are two modes:

- synchronous: a file is hashed before any of its bytes are returned. Used by exports, inspection and generation.
- in the background: a thread hashes files while their rows are already in use. Used by the trainer: no step waits.
  `settle` must be called before any result computed from the rows is stored. The processes of a machine divide the
  shards among them.

A file that changed after it was verified (size or times) is hashed again by `settle`. No record of an earlier run is
trusted, so damage is detected whatever its cause. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sharding.seal import Damaged, Sealed


class DamagedFile(Damaged):
    """A file whose bytes differ from its seal. `name`: its path in the sealed folder; `what`: the difference."""

    def __init__(self, path: Path, name: str, what: str) -> None:
        super().__init__(f"{path}: {what}; run the command that made the folder again")
        self.path, self.name, self.what = path, name, what


@dataclass(frozen=True)
class Share:
    """The share of one of `count` processes: the files with number % count == index."""

    index: int = 0
    count: int = 1

    def holds(self, number: int) -> bool:
        """Return True if file `number` belongs to this share."""
        return number % self.count == self.index


State = tuple[int, int, int]
"""Size in bytes, modification time and change time in ns: they change when a file is written."""


def _state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Prover:
    """Hashes the files of one sealed folder, each once.

    share: None to hash synchronously; otherwise a background thread hashes this share of the files.
    """

    def __init__(self, sealed: Sealed, share: Share | None = None) -> None:
        self._folder, self._records = sealed.path, sealed.manifest.files
        self.unchecked = self._records if sealed.manifest.leaves else None
        """The records of the files if their sizes were not checked when the folder was opened; else None."""
        self.share = share
        self.failure: DamagedFile | OSError | None = None
        """The first damaged or unreadable file found by the background thread or by `settle`."""
        self._proven: dict[str, tuple[int, State]] = {}  # inode, state
        self._waiting: queue.Queue[tuple[str, BinaryIO]] = queue.Queue()
        if share is not None:
            threading.Thread(target=self._work, name="proofs", daemon=True).start()

    def check_size(self, name: str, file: BinaryIO) -> None:
        """Raise DamagedFile if an open file has another size than in the seal, unless that was checked before."""
        if self.unchecked is not None:
            size, record = os.fstat(file.fileno()).st_size, self.unchecked.get(name)
            if record is None or size != record.bytes:
                sealed = f"{size} bytes, sealed with {record.bytes}" if record else "the seal does not name it"
                raise DamagedFile(self._folder / name, name, sealed)

    def need(self, name: str, number: int, file: BinaryIO) -> None:
        """Verify an open file, synchronously or in the background, and close it.

        name: path in the folder; number: shard number, which determines the process that hashes it.
        Raises DamagedFile in the synchronous mode only; see `failure` otherwise.
        """
        if self.share is None:
            self._prove(name, file)
        elif self.share.holds(number):
            self._waiting.put((name, file))
        else:
            file.close()

    def settle(self) -> None:
        """Wait until all requested files are verified, and hash again those that changed meanwhile.

        Does not raise: damage is reported by `failure`.
        """
        self._waiting.join()
        for name, (inode, state) in list(self._proven.items()):
            with contextlib.suppress(FileNotFoundError):  # rows were read from the open file, which is verified
                status = (self._folder / name).stat()
                if status.st_ino == inode and _state(status) != state:
                    self._try(name, (self._folder / name).open("rb"))

    def _work(self) -> None:
        while True:
            self._try(*self._waiting.get())
            self._waiting.task_done()

    def _try(self, name: str, file: BinaryIO) -> None:
        with file:
            try:
                if self.failure is None:
                    self._prove(name, file)
            except (DamagedFile, OSError) as error:
                self.failure = error

    def _prove(self, name: str, file: BinaryIO) -> None:
        with file:
            before = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # "rb": it has readinto
        record = self._records.get(name)
        if record is None:
            raise DamagedFile(self._folder / name, name, "the seal does not name it")
        if sha256 != record.sha256:
            raise DamagedFile(self._folder / name, name, "its sha256 differs from the seal")
        self._proven[name] = before.st_ino, _state(before)
