"""Verify: a folder is read and held against its seal; in a build, the result is a stage like any other.

`arcorp verify` names each fault and notes the damaged files, so that the next build makes just those again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from pipelines.console import Console
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
    """Verify a dataset and its schedule as they lie there now."""
    opened = Sealed(dataset, "pack")
    schedule = seal.hash_file(dataset / SCHEDULE).sha256

    def work() -> Work:
        return Work(finish=check)

    def check(finish: Finish) -> None:
        faults = _faults(dataset, level)
        if faults:
            raise _refusal(dataset, faults)
        files = len(opened.manifest.files)
        size = sum(record.bytes for record in opened.manifest.files.values())
        finish.counts = {"files": Counts(input=files, out=files), "bytes": Counts(input=size, out=size)}

    inputs = {"dataset": opened.digest, "schedule": schedule}
    return Stage("verify", VERSION, folder, {"level": level}, inputs, work)


def verify_folder(folder: Path, level: str, console: Console) -> None:
    """Verify a sealed folder, or every one in a build. Raises IntegrityError, Incomplete."""
    folders = sealed_folders(folder)
    faulty: dict[Path, list[Fault]] = {}
    rows, results = [], []
    for one in folders:
        try:
            manifest = seal.read_manifest(one)
            found = _faults(one, level)
        except seal.Damaged as error:
            found, manifest = [Fault(seal.MANIFEST, str(error))], None
        if found:
            faulty[one] = found
        size = sum(record.bytes for record in manifest.files.values()) if manifest else 0
        name = str(one.relative_to(folder)) if one != folder else str(one)
        state = "sound" if not found else "1 fault" if len(found) == 1 else f"{len(found)} faults"
        rows.append((name, manifest.stage if manifest else "?", len(manifest.files) if manifest else 0, size, state))
        results.append(
            {"folder": name, "digest": manifest.digest if manifest else None, "faults": list(map(str, found))}
        )
    console.table(["folder", "stage", "files", "bytes", f"level {level}"], rows)
    for one, found in faulty.items():
        for fault in found:
            console.say(f"{one / fault.file}: {fault.what}", file=str(one / fault.file), what=fault.what)
    for one, found in faulty.items():
        raise _refusal(one, found, sum(map(len, faulty.values())))
    console.result({"level": level, "folders": results}, f"{folder} is as it was sealed")


def sealed_folders(folder: Path) -> list[Path]:
    """The folder itself if it is sealed, else the sealed folders of the build in it. Raises Incomplete, UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    if (folder / seal.MANIFEST).exists():
        return [folder]
    found = sorted(path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{seal.MANIFEST}"))
    if not found:
        raise Incomplete(f"{folder} holds nothing sealed: run the command that makes it to its end")
    begun = {path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/{STATE}")} - set(found)
    if begun:
        raise Incomplete(f"{sorted(begun)[0]} is not finished: run the build again to go on")
    return found


def _faults(folder: Path, level: str) -> list[Fault]:
    from sharding.checking import verify

    if level != "deep" or seal.read_manifest(folder).stage != "pack":
        return verify(folder, "full" if level == "deep" else level)
    from tokenization.model import Tokenizer

    @cache
    def tokenizer() -> Tokenizer:  # not before its files are proven
        loaded = Tokenizer.load(folder / "tokenizer")
        loaded.check_golden()
        return loaded

    faults = verify(folder, level, decode=lambda ids: tokenizer().decode(ids), read_document=_reader(folder))
    if not faults:
        tokenizer()
    return faults


def _reader(dataset: Path) -> Callable[[str], str | None] | None:
    """A document's text by its id, from the documents that lie beside a dataset in its build; None without them."""
    beside = [dataset.parent / UNIQUE, *sorted((dataset.parent / DOCUMENTS).glob("*"))]
    opened = []
    for path in beside:
        if (path / seal.MANIFEST).exists():
            folder = Sealed(path)
            if folder.manifest.stage in DOCUMENT_STAGES:
                opened.append(folder)
    parts = parts_of(opened[:1] if opened and opened[0].path.name == UNIQUE else opened)
    if not parts:
        return None
    where: dict[str, tuple[int, int]] = {}
    for number, part in enumerate(parts):
        for line, name in enumerate(part.read(["id"])["id"].to_pylist()):
            where[name] = number, line

    def read(name: str) -> str | None:
        if name not in where:
            return None
        number, line = where[name]
        text: str = parts[number].read(["text"])["text"][line].as_py()
        return text

    return read


def _refusal(folder: Path, faults: Sequence[Fault], total: int | None = None) -> IntegrityError:
    """The sentence for a damaged folder; its files are noted for the next build, where the folder can be written."""
    with contextlib.suppress(OSError):
        note_faults(folder, sorted({fault.file.partition(":")[0] for fault in faults}))
    more = (total or len(faults)) - 1
    return IntegrityError(
        f"{folder / faults[0].file}: {faults[0].what}"
        + (f" (and {more} more)" if more else "")
        + "; run the same build again to make it anew"
    )


def verify_order(folder: Path, seed: int, steps: str, console: Console) -> None:
    """Recompute the order hash of steps A:B from the rows on disk. Raises UsageError for another seed."""
    from sharding.rows import Dataset

    dataset = Dataset(folder)
    try:
        first, last = (int(end) for end in steps.split(":"))
    except ValueError:
        raise UsageError(f"--steps {steps}: it should be A:B, as in --steps 0:100") from None
    if not 0 <= first < last <= dataset.steps:
        raise UsageError(f"--steps {steps}: the schedule has steps 0:{dataset.steps}")
    if seed != dataset.schedule.seed:
        raise UsageError(f"--order {seed}: the schedule was laid with seed {dataset.schedule.seed}")
    order_hash = bytes.fromhex(dataset.digest)
    hashes = {}
    for step in range(last):
        order_hash = dataset.order_hash(order_hash, step)
        if step >= first:
            hashes[step + 1] = order_hash.hex()
    console.table(["after step", "order hash"], list(hashes.items()))
    console.result({"manifest": dataset.digest, "seed": seed, "order_hash": hashes}, order_hash.hex())
