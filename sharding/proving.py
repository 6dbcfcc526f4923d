"""Verification of files while they are read: each file is hashed once, when it is first opened.

There are two modes:

- synchronous: a file is hashed before any of its bytes are returned. Used by exports, inspection and generation.
- in the background: a thread hashes files while their rows are already in use. Used by the trainer: no step waits.
  `settle` must be called before any result computed from the rows is stored. The processes of a machine divide the
  shards among them.

A file that changed after it was verified (size or times) is hashed again by `settle`. No record of an earlier run is
trusted, so damage is detected whatever its cause. Files that wait for the thread hold no descriptor.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sharding.mapping import Mapping
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
        self._waiting: queue.Queue[tuple[str, Mapping]] = queue.Queue()
        if share is not None:
            threading.Thread(target=self._work, name="proofs", daemon=True).start()

    def check_size(self, name: str, mapped: Mapping) -> None:
        """Raise DamagedFile if a file has another size than in the seal, unless that was checked before."""
        if self.unchecked is not None:
            size, record = mapped.size, self.unchecked.get(name)
            if record is None or size != record.bytes:
                sealed = f"{size} bytes, sealed with {record.bytes}" if record else "the seal does not name it"
                raise DamagedFile(self._folder / name, name, sealed)

    def need(self, name: str, number: int, mapped: Mapping) -> None:
        """Verify a file, synchronously or in the background.

        name: path in the folder; number: shard number, which determines the process that hashes it.
        Raises DamagedFile in the synchronous mode only; see `failure` otherwise.
        """
        if self.share is None:
            self.prove(name, mapped)
        elif self.share.holds(number):
            self._waiting.put((name, mapped))

    def prove(self, name: str, mapped: Mapping) -> None:
        """Hash the file that is mapped. Raises DamagedFile.

        It is opened again, since reading is faster than page faults. If it was removed or replaced, rows are still
        read from the mapped one, which is hashed where it is.
        """
        with contextlib.suppress(FileNotFoundError), (self._folder / name).open("rb") as file:
            if mapped.is_of(file):
                self._prove(name, file)
                return
        self._compare(name, hashlib.sha256(mapped.array("u1").data).hexdigest())

    def settle(self) -> None:
        """Wait until all requested files are verified, and hash again those that changed meanwhile.

        Does not raise: damage is reported by `failure`.
        """
        self._waiting.join()
        for name, (inode, state) in list(self._proven.items()):
            with contextlib.suppress(FileNotFoundError):  # rows were read from the open file, which is verified
                status = (self._folder / name).stat()
                if status.st_ino == inode and _state(status) != state:
                    with (self._folder / name).open("rb") as file:
                        self._try(self._prove, name, file)

    def _work(self) -> None:
        while True:
            self._try(self.prove, *self._waiting.get())
            self._waiting.task_done()

    def _try(self, prove: Callable[[str, Any], None], name: str, file: BinaryIO | Mapping) -> None:
        try:
            if self.failure is None:
                prove(name, file)
        except (DamagedFile, OSError) as error:
            self.failure = error

    def _prove(self, name: str, file: BinaryIO) -> None:
        before = os.fstat(file.fileno())
        self._compare(name, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]  # has readinto
        self._proven[name] = before.st_ino, _state(before)

    def _compare(self, name: str, sha256: str) -> None:
        record = self._records.get(name)
        if record is None:
            raise DamagedFile(self._folder / name, name, "the seal does not name it")
        if sha256 != record.sha256:
            raise DamagedFile(self._folder / name, name, "its sha256 differs from the seal")
