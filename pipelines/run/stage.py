"""The definition of a stage: its identity, its parts and what is written once all parts are made.

`pipelines.run.runner` runs a stage.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.run import folders
from pipelines.run.parts import Part, PartWriter, Sidecar
from sharding import seal
from sharding.seal import CountsByUnit, FileRecord, HashingFile


class Finish:
    """The last step of a stage, after all its parts: writes the files that belong to no part, counts and summary."""

    def __init__(self, folder: Path, sidecars: list[Sidecar]) -> None:
        self.folder = folder
        self.sidecars = sidecars
        self.counts: CountsByUnit = seal.total(sidecar.counts for sidecar in sidecars)
        self.summary: dict[str, Any] = {}
        self.files: dict[str, FileRecord] = {}

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[HashingFile]:
        """Write a file of the result atomically: it appears complete or not at all."""
        folders.note_written(self.folder, [name])
        with seal.atomic_file(self.folder / name) as file:
            yield file
        self.files[name] = file.record

    def write(self, name: str, data: bytes) -> None:
        with self.file(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def gather(self) -> Iterator[Path]:
        """Yield a temporary folder for files of the result; at the end they are moved into the stage's folder.

        Files whose records are in `files` by then are not hashed again.
        """
        temporary = self.folder / f"{seal.TEMPORARY}{os.getpid()}-gathered"
        temporary.mkdir()
        try:
            yield temporary
            names = sorted(path.relative_to(temporary).as_posix() for path in temporary.rglob("*") if path.is_file())
            folders.note_written(self.folder, names)
            for name in names:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).replace(self.folder / name)
                self.adopt(name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def adopt(self, name: str) -> None:
        """Add a file that other code wrote into the folder to the result. It is synced to disk before it is sealed."""
        path = self.folder / name
        with path.open("rb") as file:
            os.fsync(file.fileno())
        for parent in path.relative_to(self.folder).parents:
            seal.sync_folder(self.folder / parent)
        if name not in self.files:
            self.files[name] = seal.hash_file(path)


def _no_finish(finish: Finish) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """The work of a stage. Planned only if something is missing.

    parts: their bounds depend on the stage's inputs and options alone.
    steps: datatrove steps whose documents `write` receives; each reads the input of its rank, the index of the part.
    write: makes one part from (documents or None, part, writer) and sets the writer's counts. Must be picklable.
    finish: runs in the main process once all parts are made.
    """

    parts: Sequence[Part] = ()
    steps: Sequence[Any] = ()
    write: Callable[[Any, Part, PartWriter], None] | None = None
    finish: Callable[[Finish], None] = _no_finish


@dataclass(frozen=True)
class Stage:
    """A stage: all that defines its output. `options` and `inputs` are JSON without paths.

    inputs: digests of the inputs by name. work: plans the work.
    before: a stage that is run first, if there is work; only this stage reads its sealed folder.
    check: called under the folder's lock before anything is made. Raises UsageError if an input that the identity
    does not describe in full (a foreign file) has changed since parts in the folder were made from it.
    look: reads the beginning of the inputs for a dry run, and returns facts on it. Raises what the work would raise.
    """

    name: str
    version: int
    folder: Path
    options: dict[str, Any]
    inputs: dict[str, str]
    work: Callable[[], Work]
    before: Stage | None = None
    check: Callable[[], None] = lambda: None
    look: Callable[[], dict[str, Any]] = dict

    @property
    def identity(self) -> dict[str, Any]:
        """The record of what the folder is for. Equal identities give equal bytes."""
        return {"stage": self.name, "version": self.version, "options": self.options, "inputs": self.inputs}

    def key(self, part: Part) -> str:
        """Return the key of a part: `digest_of` the identity, the part's name and its spec in one object."""
        hasher = self._hashed_inputs.copy()
        rest = {"part": part.name, "spec": part.spec, "stage": self.name, "version": self.version}
        hasher.update(seal.canonical(rest).removeprefix(b"{"))
        return str(hasher.hexdigest())

    @cached_property
    def _hashed_inputs(self) -> Any:
        """The hash of the beginning of every key, up to the options: inputs may be many, and are hashed once."""
        beginning = seal.canonical({"inputs": self.inputs, "options": self.options})
        return hashlib.sha256(beginning.removesuffix(b"\n}\n") + b",")
