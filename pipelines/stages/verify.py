"""Verify: read a folder and compare it with its seal. In a build this is a stage with a sealed folder.

The damaged files are recorded, so that the next build makes only those again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from pipelines.errors import Incomplete, IntegrityError, UsageError
from pipelines.run import STATE, Finish, Stage, Work, note_faults
from pipelines.stages.build_folder import DOCUMENTS, UNIQUE
from pipelines.stages.documents import STAGES as DOCUMENT_STAGES
from pipelines.stages.documents import parts_of
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.seal import Counts, Fault, Sealed

VERSION = 1


def verify_stage(folder: Path, dataset: Path, level: str = "full") -> Stage:
    """Verify a dataset and its schedule at a level: quick, full or deep."""
    opened = Sealed(dataset, "pack")
    schedule = seal.hash_file(dataset / SCHEDULE).sha256

    def work() -> Work:
        return Work(finish=check)

    def check(finish: Finish) -> None:
        faults = faults_of(dataset, level)
        if faults:
            raise damage_error(dataset, faults)
        files = len(opened.manifest.files)
        size = sum(record.bytes for record in opened.manifest.files.values())
        finish.counts = {"files": Counts(input=files, out=files), "bytes": Counts(input=size, out=size)}

    inputs = {"dataset": opened.digest, "schedule": schedule}
    return Stage("verify", VERSION, folder, {"level": level}, inputs, work)


def sealed_folders(folder: Path) -> list[Path]:
    """Return the folder itself if it is sealed, else the sealed folders of the build in it.

    Raises UsageError if there is no such folder, Incomplete if a folder in it is not sealed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; give the folder of a build or a stage")
    if (folder / seal.MANIFEST).exists():
        return [folder]
    sealed = sorted(path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{seal.MANIFEST}"))
    if not sealed:
        raise Incomplete(f"{folder} holds nothing sealed: run its build or its stage to the end")
    unsealed = {path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{STATE}")} - set(sealed)
    if unsealed:
        raise Incomplete(f"{sorted(unsealed)[0]} is not finished: run the build again to finish it")
    return sealed


def faults_of(folder: Path, level: str) -> list[Fault]:
    """Return the differences of a sealed folder from its seal at a level: quick, full or deep."""
    from sharding.checking import verify

    if level != "deep" or seal.read_manifest(folder).stage != "pack":
        return verify(folder, "full" if level == "deep" else level)
    from tokenization.model import Tokenizer

    @cache
    def tokenizer() -> Tokenizer:  # loaded once its files are verified
        loaded = Tokenizer.load(folder / "tokenizer")
        loaded.check_golden()
        return loaded

    faults = verify(folder, level, decode=lambda ids: tokenizer().decode(ids), read_document=_document_reader(folder))
    if not faults:
        tokenizer()
    return faults


def _document_reader(dataset: Path) -> Callable[[str], str | None] | None:
    """Return a function from a document's id to its text, which reads the documents of the dataset's build.

    Returns None if the build has no folders of documents.
    """
    candidates = [dataset.parent / UNIQUE, *sorted((dataset.parent / DOCUMENTS).glob("*"))]
    opened = []
    for path in candidates:
        if (path / seal.MANIFEST).exists():
            folder = Sealed(path)
            if folder.manifest.stage in DOCUMENT_STAGES:
                opened.append(folder)
    parts = parts_of(opened[:1] if opened and opened[0].path.name == UNIQUE else opened)
    if not parts:
        return None
    places: dict[str, tuple[int, int]] = {}  # id -> part, line
    for number, part in enumerate(parts):
        for line, name in enumerate(part.read(["id"])["id"].to_pylist()):
            places[name] = number, line

    def read(name: str) -> str | None:
        if name not in places:
            return None
        number, line = places[name]
        text: str = parts[number].read(["text"])["text"][line].as_py()
        return text

    return read


def damage_error(folder: Path, faults: Sequence[Fault], total: int | None = None) -> IntegrityError:
    """Record the damaged files for the next build, if the folder can be written, and return the error that names one.

    total: number of faults in all folders, if there are several folders.
    """
    with contextlib.suppress(OSError):
        note_faults(folder, sorted({fault.file.partition(":")[0] for fault in faults}))
    more = (total or len(faults)) - 1
    return IntegrityError(
        f"{folder / faults[0].file}: {faults[0].what}"
        + (f" (and {more} more)" if more else "")
        + "; run the same build again to make it anew"
    )
