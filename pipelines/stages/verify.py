"""Verify: read a folder and compare it with its seal. In a build this is a stage with a sealed folder.

The damaged files are recorded, so that the next build makes only those again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import Incomplete, IntegrityError, UsageError
from pipelines.run import STATE, Finish, Stage, Work, note_faults
from pipelines.stages.build_folder import DOCUMENTS, TOKENS, TRANSLATED, UNIQUE
from pipelines.stages.conversations import CATEGORY, has_conversations, layout_of, messages_of
from pipelines.stages.documents import STAGES as DOCUMENT_STAGES
from pipelines.stages.documents import DocumentsPart, parts_of
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.seal import Counts, Fault, Sealed

if TYPE_CHECKING:
    from tokenization.model import Tokenizer

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


def faults_of(folder: Path, level: str, workers: int = 1) -> list[Fault]:
    """Return the differences of a sealed folder from its seal at a level: quick, full or deep.

    workers: number of threads that hash files.
    """
    from sharding.checking import verify

    if level != "deep" or seal.read_manifest(folder).stage != "pack":
        return verify(folder, "full" if level == "deep" else level, workers=workers)
    from tokenization.model import Tokenizer

    @cache
    def tokenizer() -> Tokenizer:  # loaded once its files are verified
        loaded = Tokenizer.load(folder / "tokenizer")
        loaded.check_golden()
        return loaded

    parts = _document_parts(folder)

    def read(names: Set[str]) -> dict[str, str]:
        return {name: tokenizer().encoded_text(text) for name, text in _texts(parts, names)}

    faults = verify(
        folder,
        level,
        decode=lambda ids: tokenizer().decode(ids),
        read_documents=read if parts else None,
        rendered=partial(_rendered, folder, tokenizer) if parts else None,
        workers=workers,
    )
    if not faults:
        tokenizer()
    return faults


def _rendered(dataset: Path, tokenizer: Callable[[], Tokenizer]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the conversations of the dataset's build: id, ids and which are trained on, rendered one by one."""
    import numpy as np

    untrained: Sequence[str] = ()
    if (dataset.parent / TOKENS / seal.MANIFEST).exists():
        tokens = Sealed(dataset.parent / TOKENS)
        if tokens.digest in Sealed(dataset).manifest.inputs.values():
            untrained = tokens.manifest.options.get("untrained", ())
    layout = layout_of(tokenizer(), untrained)
    first = tokenizer().bos is not None
    for part in _document_parts(dataset):
        if has_conversations(part):
            for group in part.row_groups(["id", "category", "text", "metadata"]):
                columns = [group[name].to_pylist() for name in ("id", "category", "text", "metadata")]
                for name, category, text, metadata in zip(*columns, strict=True):
                    messages = messages_of(name, text, metadata) if category == CATEGORY else []
                    if messages and not layout.lacks(messages):
                        ids, trained = tokenizer().encode_chat(messages, without=untrained)
                        yield name, np.array(ids[first:]), np.array(trained[first:], np.bool_)


def _document_parts(dataset: Path) -> list[DocumentsPart]:
    """Return the parts of the documents of the dataset's build, none if it has no folders of documents."""
    candidates = [dataset.parent / UNIQUE]
    candidates += [path for name in (DOCUMENTS, TRANSLATED) for path in sorted((dataset.parent / name).glob("*"))]
    opened = []
    for path in candidates:
        if (path / seal.MANIFEST).exists():
            folder = Sealed(path)
            if folder.manifest.stage in DOCUMENT_STAGES:
                opened.append(folder)
    return parts_of(opened[:1] if opened and opened[0].path.name == UNIQUE else opened)


def _texts(parts: Sequence[DocumentsPart], names: Set[str]) -> Iterator[tuple[str, str]]:
    """Yield id and text of the documents with these ids. One row group is in memory at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    searched = pa.array(sorted(names), pa.string())
    for part in parts:
        for group in part.row_groups(["id", "text"]):
            chosen = group.filter(pc.is_in(group["id"], searched))
            yield from zip(chosen["id"].to_pylist(), chosen["text"].to_pylist(), strict=True)


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
