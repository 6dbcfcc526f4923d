"""Running a stage: parts, a lock, resume, a seal.

The work of a stage is divided into parts (`pipelines.run.parts`) whose bounds depend on its inputs and options alone.
One rank of a datatrove pipeline makes each part. When all parts are made, the stage finishes and its folder is sealed
(`sharding.seal`). This holds for every stage:

- A run that was killed resumes when it is run again: sound parts are kept and the others are made. The sealed folder
  has the bytes of an uninterrupted run, with any number of workers.
- Finished work is not repeated. Only damaged or deleted parts are made again.
- Parts of different options, inputs or code are never mixed: a folder that holds parts of another identity is refused.
- A file or folder that arcorp did not make is neither overwritten nor removed (`pipelines.run.folders`).
- A second writer is refused (`pipelines.run.folder_lock`).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, Incomplete, IntegrityError, UsageError
from pipelines.run import folders
from pipelines.run.folder_lock import lock
from pipelines.run.launcher import Context
from pipelines.run.parts import Part, read_sidecar
from pipelines.run.proofs import Proofs
from pipelines.run.stage import Finish, Stage, Work
from pipelines.run.state import Unreadable, read_state
from pipelines.run.state_files import FAULTS, PLAN, STAGE, STATE
from sharding import seal
from sharding.seal import Manifest, Sealed


@dataclass(frozen=True)
class Outcome:
    """The result of `run_stage`: the sealed folder, numbers of parts made and kept, and the damaged files mended."""

    sealed: Sealed
    idle: bool
    made: int = 0
    kept: int = 0
    mended: list[str] = field(default_factory=list)


def run_stage(stage: Stage, context: Context) -> Outcome:
    """Make what is missing of a stage and seal its folder.

    Raises UsageError (the folder holds other work or can't be written), IntegrityError (a damaged file was made again
    with other bytes), Failure (another writer), and errors of the stage's own code.
    """
    folders.claim(stage.folder, STAGE)
    with seal.naming(stage.folder), lock(stage.folder, patience=context.patience):
        folders.refuse_links(stage.folder)
        folders.refuse_manifest(stage.folder)
        if context.restart:
            _start_over(stage, context)
        _record_identity(stage)
        stage.check()
        proofs = Proofs(stage.folder)
        manifest, faulty = _find_faults(stage, proofs)
        proofs.save()
        if manifest and not faulty:
            _remove_folded(manifest)  # after a kill between the seal and their removal
            return Outcome(Sealed(stage.folder, stage.name), idle=True)
        context.launcher.begin(stage)
        if manifest:  # the seal is removed first: a partly mended folder must not look complete
            _unseal(stage.folder)
        seal.remove_temporaries(stage.folder)
        if stage.before is not None:
            run_stage(stage.before, context)
        work = stage.work()
        missing = [rank for rank, part in enumerate(work.parts) if not _is_made(stage, part, proofs, faulty)]
        proofs.save()
        if missing:
            _write_plan(stage, work, missing)
            context.launcher.make(stage, work, missing, context)
        digest = _seal(stage, work, leaves=manifest is None or manifest.leaves is not None)
        (stage.folder / FAULTS).unlink(missing_ok=True)
        if manifest and manifest.digest != digest:
            raise IntegrityError(
                f"{stage.folder}: the damaged files were made again, but with other bytes (digest "
                f"{manifest.digest[:16]}, now {digest[:16]}): its inputs or the installed libraries have changed since"
            )
        sealed = Sealed(stage.folder, stage.name)
        return Outcome(sealed, False, len(missing), len(work.parts) - len(missing), faulty)


def preview(stage: Stage) -> dict[str, Any]:
    """Return the state of a stage's folder, its options, and facts on its inputs, for a dry run. Writes nothing."""
    try:
        manifest = seal.read_manifest(stage.folder)
        state = "done" if not seal.find_faults(stage.folder, manifest, full=False) else "damaged: would be mended"
    except seal.SealError:
        state = "unfinished: would be resumed" if (stage.folder / STATE).is_dir() else "not started"
    facts = {"stage": stage.name, "folder": str(stage.folder), "state": state}
    return {**facts, **stage.options, "inputs": stage.inputs, **stage.look()}


def note_faults(folder: Path, files: list[str]) -> None:
    """Record damaged files for the next run of the stage, which can't detect a flipped bit by size and time."""
    seal.write_json(folder / FAULTS, files)


def _start_over(stage: Stage, context: Context) -> None:
    """Remove the files that the folder's records name.

    Raises UsageError if the folder belongs to another stage or is an input of this stage.
    """
    owner = folders.stage_of(stage.folder)
    if owner not in (None, stage.name) and folders.files_of(stage.folder)[0]:
        raise UsageError(
            f"{stage.folder} is the folder of stage '{owner}', not of stage '{stage.name}': choose another --out"
        )
    with contextlib.suppress(seal.SealError):
        if seal.read_manifest(stage.folder).digest in stage.inputs.values():
            raise UsageError(
                f"{stage.folder} is an input of this stage, and --restart would remove it: choose another --out"
            )
    if others := folders.clear(stage.folder):
        context.say(folders.kept_files_message(stage.folder, others))


def _record_identity(stage: Stage) -> None:
    """Write the stage's identity into its folder. Raises UsageError if the folder holds files of another identity."""
    before = folders.read_record(stage.folder, STAGE)
    if before is None:
        with contextlib.suppress(seal.SealError):  # a sealed folder that was copied without its state
            manifest = seal.read_manifest(stage.folder)
            before = {key: manifest.to_json()[key] for key in stage.identity}
    now = json.loads(seal.canonical(stage.identity))
    if before not in (None, now) and folders.files_of(stage.folder)[0]:
        raise UsageError(
            f"{stage.folder} holds other work: {difference(before, stage.identity)}; "
            "choose another --out, or --restart to start over"
        )
    if folders.read_record(stage.folder, STAGE) != now:
        seal.write_json(stage.folder / STAGE, stage.identity)


def difference(before: Any, now: Any, where: str = "") -> str:
    """Return a phrase for the first difference of two JSON values.

    >>> difference({"options": {"vocab_size": 8192}}, {"options": {"vocab_size": 4096}})
    'options.vocab_size was 8192, now 4096'
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                return difference(before.get(key), now.get(key), f"{where}.{key}".lstrip("."))
    if where.startswith("inputs."):
        return f"its input '{where[7:]}' was {_short(before)}, now {_short(now)}"
    return f"{where} was {_short(before)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _find_faults(stage: Stage, proofs: Proofs) -> tuple[Manifest | None, list[str]]:
    """Return the manifest (None without a sound one) and the files that differ from it. Files are hashed unless
    `proofs` has a proof of them."""
    try:
        manifest = seal.read_manifest(stage.folder)
    except seal.Unsealed:
        seal.unfold(stage.folder)  # if the manifest was deleted
        return None, []
    except seal.Damaged:
        _unseal(stage.folder)  # the sidecars still record which parts are sound
        return None, []
    noted: list[str] = []
    try:
        noted = read_state(stage.folder / FAULTS, list[str]) or []
        proofs.distrust(noted)
    except Unreadable:
        proofs.distrust_all()  # the names of the damaged files are lost
    return manifest, sorted({*noted, *(fault.file for fault in proofs.faults(manifest))})


def _unseal(folder: Path) -> None:
    """Remove the seal. Sidecars that it holds are written as files before: they record which parts are sound."""
    seal.unfold(folder)
    (folder / seal.MANIFEST).unlink()


def _remove_folded(manifest: Manifest) -> None:
    if manifest.leaves is not None:
        seal.remove_folded(manifest.leaves)


def _is_made(stage: Stage, part: Part, proofs: Proofs, faulty: Sequence[str]) -> bool:
    return read_sidecar(stage.folder, part, stage.key(part), proofs, faulty) is not None


def _write_plan(stage: Stage, work: Work, missing: list[int]) -> None:
    plan = {"parts": [part.name for part in work.parts], "missing": missing, "began": time.time()}
    seal.write_json(stage.folder / PLAN, plan)


def _seal(stage: Stage, work: Work, *, leaves: bool) -> str:
    """Finish the stage and write its manifest. Returns the digest.

    leaves: a folder with many files gets leaves, and its sidecars are folded into them.
    """
    sidecars = []
    proofs = Proofs(stage.folder)
    for part in work.parts:
        sidecar = read_sidecar(stage.folder, part, stage.key(part), proofs)
        if sidecar is None:
            raise Incomplete(f"{stage.folder}: {part.name} is missing; run again to make it")
        sidecars.append(sidecar)
    finish = Finish(stage.folder, sidecars)
    work.finish(finish)
    files = dict(finish.files)
    for sidecar in sidecars:
        files.update(sidecar.files)
        files[sidecar.name] = seal.hash_file(stage.folder / sidecar.name)
    manifest = Manifest(stage.name, stage.version, stage.options, stage.inputs, finish.counts, files, finish.summary)
    try:
        digest = seal.write_manifest(stage.folder, manifest, fold=[s.name for s in sidecars] if leaves else None)
    except seal.Damaged as error:
        raise Failure(f"{error} (a bug in stage '{stage.name}')") from None
    for name in [*finish.files, *(sidecar.name for sidecar in sidecars)]:  # a part's writer noted the part's files
        proofs.note(name, files[name])
    proofs.save()
    if len(files) > seal.MOST_FILES:
        _remove_folded(seal.read_manifest(stage.folder))
    return digest
