"""Proving files as they are read: each is hashed once, when it is first opened, and compared with the seal.

Two ways, for two kinds of readers:

- at once: the file is hashed before a byte of it is given out. Exports, inspection, generation.
- beside the reading: a thread hashes while the rows are used already. The trainer reads so: no step waits, and
  `settle` comes before anything that was made of the rows is kept. The processes of a machine share the shards.

A proof holds for the life of the file: what `settle` finds changed since (size, times) is hashed again. Damage is
found wherever it came from, since no record of an earlier run is trusted here. Standard library only.
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
    """A sealed file whose bytes are not those of its seal. `name`: its path in the sealed folder."""

    def __init__(self, path: Path, name: str, what: str) -> None:
        super().__init__(f"{path}: {what}; run the command that made the folder again to mend it")
        self.path, self.name, self.what = path, name, what


@dataclass(frozen=True)
class Share:
    """One of `count` processes that hash the same files: it hashes the files with number % count == index."""

    index: int = 0
    count: int = 1

    def holds(self, number: int) -> bool:
        return number % self.count == self.index


State = tuple[int, int, int]


def _state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Prover:
    """Hashes the files of one sealed folder, each once. `share`: hash beside the reading, this share of the files."""

    def __init__(self, sealed: Sealed, share: Share | None = None) -> None:
        self._folder, self._records = sealed.path, sealed.manifest.files
        self.share = share
        self.failure: DamagedFile | OSError | None = None
        """The first file that was found damaged, or could not be read, beside the reading or by `settle`."""
        self._proven: dict[str, tuple[int, State]] = {}  # inode, state
        self._waiting: queue.Queue[tuple[str, BinaryIO]] = queue.Queue()
        if share is not None:
            threading.Thread(target=self._work, name="proofs", daemon=True).start()

    def need(self, name: str, number: int, file: BinaryIO) -> None:
        """Prove an open file, now or beside the reading, and close it.

        name: path in the folder; number: of the shard, which decides who hashes it. Raises DamagedFile, if now.
        """
        if self.share is None:
            self._prove(name, file)
        elif self.share.holds(number):
            self._waiting.put((name, file))
        else:
            file.close()

    def settle(self) -> None:
        """Wait until every file asked for is proven, and hash again those that were touched since; see `failure`."""
        self._waiting.join()
        for name, (inode, state) in list(self._proven.items()):
            with contextlib.suppress(
                FileNotFoundError
            ):  # what was read is the file that was opened, and that is proven
                now = (self._folder / name).stat()
                if now.st_ino == inode and _state(now) != state:
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
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # "rb": it has readinto
        record = self._records.get(name)
        if record is None:
            raise DamagedFile(self._folder / name, name, "the seal does not name it")
        if found != record.sha256:
            raise DamagedFile(self._folder / name, name, "its sha256 differs from the seal")
        self._proven[name] = before.st_ino, _state(before)
