"""The folders and files that arcorp made. Commands write only into these folders; --restart removes only these files.

arcorp made a folder if its state `.arcorp/` holds a record that parses (`stage.json` of a stage, `recipe.json` of a
build), or if its manifest has the keys of arcorp's manifests. A folder without files is free. Every other folder is
refused, and the message names it.

arcorp made a file in a stage's folder if a record of that folder names it: the manifest, a sidecar, the plan of
parts, the list of files that belong to no part; in a dataset also schedules and a card that was not edited. All other
files remain when a stage starts over, and a message names them. Nothing is removed or written through a symbolic link.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, UsageError
from pipelines.run.folder_lock import is_held
from pipelines.run.state_files import (
    BUILD,
    FAULTS,
    INPUTS,
    LOCK,
    LOGS,
    PART_PROOFS,
    PLAN,
    PROOFS,
    SLURM,
    STAGE,
    STAGES_BEFORE,
    STATE,
    TRAIN_CONFIG,
    TRAIN_LOG,
    WRITTEN,
)
from pipelines.texts import is_unedited
from sharding import scheduling, seal

TRAINED = ("config.json", "metrics.jsonl", "samples.json", *(f"checkpoints/step-*/{name}" for name in (
    "meta.json", "model.safetensors", "optimizer.safetensors",
)))  # fmt: skip
"""Files of a training run that are sealed (training/runfolder.py, training/checkpoint.py). `*` stands for digits."""
UNSEALED = ("timings.jsonl", ".lock")
"""The other files of a training run. They differ between equal runs."""

REPORT = ("report.html", "report.json")
"""Files of a build's folder that are in no stage's folder."""

SHOWN = 5
"""Number of file names in a message."""
_KEYS: dict[str, dict[str, type]] = {
    STAGE: {"stage": str, "version": int, "options": dict, "inputs": dict},
    BUILD: {"name": str},
}
_MANIFEST_KEYS = {"format", "stage", "version", "options", "inputs", "counts", "files", "summary", "root"}
_ENDING = re.compile("[a-z]+")
_STATE_FILES = (PLAN, FAULTS, WRITTEN, PROOFS, INPUTS, TRAIN_CONFIG, TRAIN_LOG)
_STATE_FOLDERS = (LOGS, PART_PROOFS, SLURM)


# -- folders ----------------------------------------------------------------------------------------------


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """Return a record of a folder, STAGE or BUILD; None if it is missing or has another form."""
    value = _json(folder / name)
    fields = _KEYS[name]
    if (folder / STATE).is_symlink() or not isinstance(value, dict):
        return None
    return value if all(isinstance(value.get(key), kind) for key, kind in fields.items()) else None


def is_manifest(folder: Path) -> bool:
    """Return whether the folder's manifest has the keys of arcorp's manifests, sound or not."""
    value = _json(folder / seal.MANIFEST)
    return isinstance(value, dict) and value.keys() >= _MANIFEST_KEYS


def stage_of(folder: Path) -> str | None:
    """Return the name of a folder's stage, from its record or its manifest; None without either."""
    record = read_record(folder, STAGE) or (_json(folder / seal.MANIFEST) if is_manifest(folder) else {})
    return record.get("stage")


def claim(folder: Path, kind: str) -> None:
    """Create the folder of a stage or a build, or check that arcorp made it. `kind`: STAGE or BUILD.

    Raises UsageError if the folder holds files that arcorp did not make, or can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / STATE).mkdir(exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{folder} is a file: give --out a folder") from None
    except OSError as error:
        raise UsageError(f"{folder} can't be written ({error.strerror}): choose another --out") from None
    if (folder / STATE).is_symlink():
        raise UsageError(f"{folder / STATE} is a symbolic link: choose another --out")
    if read_record(folder, kind) is not None:
        return
    if kind == STAGE and read_record(folder, BUILD) is not None:
        raise UsageError(f"{folder} is the folder of a build: choose another --out")
    if kind == BUILD and read_record(folder, STAGE) is not None:
        raise UsageError(f"{folder} is the folder of stage '{stage_of(folder)}': choose another --out")
    if kind == STAGE and is_manifest(folder):
        return
    # another process may have begun this folder since the first look: the record is read again before a refusal
    if (folder / kind).exists() and read_record(folder, kind) is None:
        raise UsageError(
            f"{folder / kind} is damaged, or arcorp did not write it: delete it and run the same command again, "
            "or choose another --out"
        )
    foreign = next((name for name in _files(folder) if kind == STAGE or not _is_of_a_stage(folder, name)), None)
    if foreign and read_record(folder, kind) is None:
        raise UsageError(f"{folder} holds files that arcorp did not make ({foreign}): choose another --out")


def _is_of_a_stage(folder: Path, name: str) -> bool:
    """Return whether a file of a build's folder is in a stage's folder, in the state, or part of the report."""
    if name in REPORT or name.startswith(f"{STATE}/"):
        return True
    return any(stage_of(folder / above) for above in list(Path(name).parents)[:-1])


def refuse_links(folder: Path) -> None:
    """Raise UsageError if a folder below this one, or a file of its state, is a symbolic link.

    A file of the result may be a link: it is replaced by a rename, which does not follow links.
    """
    for parent, folders, files in os.walk(folder):
        names = [*folders, *files] if STATE in Path(parent).relative_to(folder).parts else folders
        for name in names:
            path = Path(parent, name)
            if path.is_symlink():
                raise UsageError(f"{path} is a symbolic link, and nothing is written through links: remove it")


# -- files ------------------------------------------------------------------------------------------------


def note_written(folder: Path, names: Iterable[str]) -> None:
    """Record names of files that belong to no part, before they are written."""
    path = folder / WRITTEN
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in names)


def files_of(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the files that arcorp made in a stage's folder, and the others. Both omit the state."""
    exact, stems, patterns = _named(folder)
    ours: list[str] = []
    others: list[str] = []
    for name in _files(folder, state=False):
        stem, _, ending = name.rpartition(".")
        named = name in exact or (stem in stems and _ENDING.fullmatch(ending))
        named = named or any(pattern.fullmatch(name) for pattern in patterns)
        (ours if named or _identifies_itself(folder, name) else others).append(name)
    return ours, others


def _named(folder: Path) -> tuple[set[str], set[str], list[re.Pattern[str]]]:
    """Return the names of files in the records of a stage's folder, names of its parts, and patterns of such names."""
    names: set[str] = set()
    stems: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    stage = stage_of(folder)
    if stage is None:
        return names, stems, patterns
    names.add(seal.MANIFEST)  # a truncated one too: `refuse_manifest` refuses the manifest of another program
    patterns.append(re.compile(r"manifest/\d{5}(-sidecars)?\.json"))  # its leaves
    with contextlib.suppress(seal.SealError):
        names |= seal.read_manifest(folder).files.keys()
    with contextlib.suppress(OSError):
        text = (folder / WRITTEN).read_text("utf-8", errors="replace")
        names |= set(text.split("\n")[:-1])  # without an unfinished last line
    plan = _json(folder / PLAN)
    parts = plan.get("parts") if isinstance(plan, dict) else None
    for part in parts if isinstance(parts, list) else []:
        names.add(f"{part}.json")
        stems.add(str(part))
    for name in _files(folder, state=False):
        if name.endswith(".json") and name not in names:
            names |= _names_in_sidecar(folder, name)
    if stage == "train":
        patterns += [re.compile(re.escape(name).replace(r"\*", r"\d+")) for name in (*TRAINED, *UNSEALED)]
    return names, stems, patterns


def _names_in_sidecar(folder: Path, name: str) -> set[str]:
    """Return the names of a part's files, with that of the sidecar; empty if `name` is no sound sidecar."""
    value = _json(folder / name)
    if not isinstance(value, dict) or not value.keys() >= {"key", "files", "counts", "summary", "digest"}:
        return set()
    try:
        digest = value.pop("digest")
        stem = name.removesuffix("json")
        files = {file for file in seal.records_from_json(value["files"]) if file.startswith(stem)}
        return {name, *files} if seal.digest_of(value) == digest else set()
    except ValueError:
        return set()


def _identifies_itself(folder: Path, name: str) -> bool:
    """Return whether a file that no record names is a schedule or an unedited card of a dataset."""
    if name.endswith(".json") and "/" not in name:
        return scheduling.is_schedule(_json(folder / name))
    if name == "README.md":
        return is_unedited(folder / name)
    return False


def refuse_manifest(folder: Path) -> None:
    """Raise UsageError if the folder's manifest.json belongs to another program, since it would be replaced."""
    path = folder / seal.MANIFEST
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"{path} is a link or no file: move it away, or choose another --out")
    value = _json(path)
    if value is not None and not is_manifest(folder):
        raise UsageError(f"{path} belongs to another program: move it away, or choose another --out")


def _files(folder: Path, *, state: bool = True) -> Iterable[str]:
    """Yield the names of all files and links below a folder, except its lock and temporaries.

    state: include the files of the state.
    """
    for parent, folders, files in os.walk(folder):
        below = Path(parent).relative_to(folder)
        folders.sort()
        if not state and STATE in folders:
            folders.remove(STATE)
        links = [name for name in folders if Path(parent, name).is_symlink()]
        in_state = STATE in below.parts
        for name in sorted([*files, *links]):
            if not seal.is_temporary(name) and not (in_state and name == Path(LOCK).name):
                yield (below / name).as_posix()


def _json(path: Path) -> Any:
    """Return the value of a JSON file; None if it can't be read."""
    try:
        return seal.parsed(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError):
        return None


# -- starting over ----------------------------------------------------------------------------------------


def clear(folder: Path) -> list[str]:
    """Remove the files of a stage that its records name, under its lock. Returns the names of the files that remain.

    The record STAGE and the lock remain too. The records that name other files are removed last, so that the next call
    completes an interrupted one.
    """
    seal.remove_temporaries(folder)
    ours, others = files_of(folder)
    last = [name for name in ours if name.endswith(".json") or name == seal.MANIFEST]
    for name in [*(name for name in ours if name not in set(last)), *sorted(last, key=lambda n: n == seal.MANIFEST)]:
        (folder / name).unlink(missing_ok=True)
        for parent in list((folder / name).relative_to(folder).parents)[:-1]:
            with contextlib.suppress(OSError):  # not empty
                (folder / parent).rmdir()
    for name in STAGES_BEFORE:
        before = folder / name
        if read_record(before, STAGE) is not None:
            others += [f"{name}/{other}" for other in remove_stage_folder(before)]
    for name in _STATE_FILES:
        (folder / name).unlink(missing_ok=True)
    return others


def remove_stage_folder(folder: Path) -> list[str]:
    """Remove the folder of a stage, under its lock. Files that no record names remain, and the folder with them.

    Returns the names of the files that remain.
    """
    others = clear(folder)
    for name in _STATE_FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
    others += [name for name in _files(folder) if name.startswith(f"{STATE}/") and name != STAGE]
    if not others:
        for name in (STAGE, LOCK):
            (folder / name).unlink(missing_ok=True)
        for path in (folder / STATE, folder):
            with contextlib.suppress(OSError):  # it contains an empty folder that arcorp did not make
                path.rmdir()
    return sorted(set(others))


def refuse_removal(out: Path, name: str) -> bool:
    """Check that a stage's folder `name` of the build in `out` may be removed. Returns False if it holds no files.

    Raises UsageError if arcorp did not make it or its path has a symbolic link, Failure if it is being written.
    """
    folder = out / name
    for path in [folder, *folder.parents]:
        if path == out:
            break
        if path.is_symlink():
            raise UsageError(
                f"{path} is a symbolic link, and --restart removes nothing through links: remove it yourself"
            )
    if not folder.is_dir():
        return False
    if read_record(folder, STAGE) is None and not is_manifest(folder):
        if foreign := next(iter(_files(folder)), None):
            raise UsageError(f"{folder} holds files that arcorp did not make ({foreign}): move it away")
        return False
    refuse_links(folder)
    refuse_manifest(folder)
    if is_held(folder) or _trainer_holds(folder):
        raise Failure(f"{folder} is being written by another process: wait for it to end, or choose another --out")
    return True


def _trainer_holds(folder: Path) -> bool:
    """Return whether a trainer still writes to a run, as it may after a build was killed."""
    try:
        with (folder / ".lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def kept_files_message(folder: Path, names: Sequence[str]) -> str:
    """Return a line that names the files that remain in a folder."""
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"{folder}: files that arcorp did not make were kept: {shown}"
