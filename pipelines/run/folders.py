"""Whose folder it is, and which of its files arcorp made: what a command writes into, and what --restart removes.

A folder is arcorp's if its state `.arcorp/` holds a record that parses (`stage.json` of a stage, `recipe.json` of a
build), or its manifest has the shape of ours. A folder without files is free. Every other folder is refused by name.

A file of a stage's folder is arcorp's if a record of that folder names it: the manifest, a sidecar, the plan of
parts, the list of what finishing wrote; in a dataset also schedules and a card that was not edited. All others stay
where they are when a stage starts over, and are named in a message. Nothing is removed or written through a symbolic
link.
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
from pipelines.run.folder_lock import STATE, is_held
from pipelines.texts import is_unedited
from sharding import scheduling, seal

STAGE = "stage.json"
"""Under `.arcorp/` of a stage's folder: what the folder is for."""
BUILD = "recipe.json"
"""Under `.arcorp/` of a build's folder: its recipe."""
PLAN = "plan.json"
"""Under `.arcorp/`: names of the stage's parts and when making them began, for `arcorp status`."""
FAULTS = "faults.json"
"""Under `.arcorp/`: what `arcorp verify --level full` found damaged, so that the next run distrusts those files."""
WRITTEN = "written.txt"
"""Under `.arcorp/`: names of the files that are no part's, one a line, noted before each is written."""

TRAINED = ("config.json", "metrics.jsonl", "samples.json", *(f"checkpoints/step-*/{name}" for name in (
    "meta.json", "model.safetensors", "optimizer.safetensors",
)))  # fmt: skip
"""Files of a run that are sealed (training/runfolder.py, training/checkpoint.py). `*` stands for digits."""
UNSEALED = ("timings.jsonl", ".lock")
"""The other files of a run: no two runs have the same."""

SHOWN = 5
_KEYS: dict[str, dict[str, type]] = {
    STAGE: {"stage": str, "version": int, "options": dict, "inputs": dict},
    BUILD: {"name": str},
}
_MANIFEST_KEYS = {"format", "stage", "version", "options", "inputs", "counts", "files", "summary", "root"}
_STATE_FILES = (PLAN, FAULTS, WRITTEN, "proofs.json", "inputs.json", "train.json", "train.log")
_STATE_FOLDERS = ("logs", "proofs", "slurm")
_STAGES_BEFORE = ("entries", "counts", "judged")


# -- whose folder it is -----------------------------------------------------------------------------------


def read_record(folder: Path, name: str) -> dict[str, Any] | None:
    """A record in a folder's state, STAGE or BUILD; None if there is none, or it is not one of ours."""
    value = _json(folder / STATE / name)
    fields = _KEYS[name]
    if (folder / STATE).is_symlink() or not isinstance(value, dict):
        return None
    return value if all(isinstance(value.get(key), kind) for key, kind in fields.items()) else None


def is_manifest(folder: Path) -> bool:
    """Whether the folder's manifest has the shape of ours, sound or not."""
    value = _json(folder / seal.MANIFEST)
    return isinstance(value, dict) and value.keys() >= _MANIFEST_KEYS


def stage_of(folder: Path) -> str | None:
    """Name of the stage that a folder is for; None if no record says it."""
    known = read_record(folder, STAGE) or (_json(folder / seal.MANIFEST) if is_manifest(folder) else {})
    return known.get("stage")


def claim(folder: Path, kind: str) -> None:
    """Make the folder of a stage or a build, or make sure that it is one of ours. `kind`: STAGE or BUILD.

    Raises UsageError for a folder that holds files that arcorp did not make, and for one that can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            (folder / STATE).mkdir(exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{folder} is a file; --out wants a folder") from None
    except OSError as error:
        raise UsageError(f"{folder} can't be written ({error.strerror}): choose another --out") from None
    if (folder / STATE).is_symlink():
        raise UsageError(f"{folder / STATE} is a symbolic link: choose another --out")
    if read_record(folder, kind) is not None:
        return
    if read_record(folder, BUILD) is not None:
        raise UsageError(f"{folder} is the folder of a build: choose another --out")
    if read_record(folder, STAGE) is not None:
        raise UsageError(f"{folder} is the folder of stage '{stage_of(folder)}': choose another --out")
    if kind == STAGE and is_manifest(folder):
        return
    if (folder / STATE / kind).exists():
        raise UsageError(f"{folder / STATE / kind} is no record of arcorp, or was cut: choose another --out")
    if foreign := next(iter(_files(folder)), None):
        raise UsageError(f"{folder} holds files that arcorp did not make ({foreign}): choose another --out")


def refuse_links(folder: Path) -> None:
    """Raise UsageError if a folder below this one, or a file of its state, is a symbolic link.

    A file of the result may be one: it is replaced by a rename, which does not follow it.
    """
    for at, folders, files in os.walk(folder):
        names = [*folders, *files] if STATE in Path(at).relative_to(folder).parts else folders
        for name in names:
            path = Path(at, name)
            if path.is_symlink():
                raise UsageError(f"{path} is a symbolic link, and nothing is written through links: remove it")


# -- whose file it is -------------------------------------------------------------------------------------


def note_written(folder: Path, names: Iterable[str]) -> None:
    """Note names of files that are no part's, before they are written."""
    path = folder / STATE / WRITTEN
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in names)


def files_of(folder: Path) -> tuple[list[str], list[str]]:
    """Names of a stage's files: those that a record of the folder names, and the others. The state is in neither."""
    exact, patterns = _named(folder)
    ours: list[str] = []
    others: list[str] = []
    for name in _files(folder, state=False):
        known = name in exact or any(pattern.fullmatch(name) for pattern in patterns) or _proves_itself(folder, name)
        (ours if known else others).append(name)
    return ours, others


def _named(folder: Path) -> tuple[set[str], list[re.Pattern[str]]]:
    """Names of files that records of a stage's folder name, and patterns of such names."""
    names: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    stage = stage_of(folder)
    if stage is None:
        return names, patterns
    names.add(seal.MANIFEST)  # also one that was cut: `refuse_manifest` keeps another program's from being ours
    with contextlib.suppress(seal.SealError):
        names |= seal.read_manifest(folder).files.keys()
    with contextlib.suppress(OSError):
        text = (folder / STATE / WRITTEN).read_text("utf-8", errors="replace")
        names |= set(text.split("\n")[:-1])  # without a last line that was torn
    plan = _json(folder / STATE / PLAN)
    parts = plan.get("parts") if isinstance(plan, dict) else None
    for part in parts if isinstance(parts, list) else []:
        names.add(f"{part}.json")
        patterns.append(re.compile(rf"{re.escape(str(part))}\.[a-z]+"))
    for name in _files(folder, state=False):
        if name.endswith(".json") and name not in names:
            names |= _of_sidecar(folder, name)
    if stage == "train":
        patterns += [re.compile(re.escape(name).replace(r"\*", r"\d+")) for name in (*TRAINED, *UNSEALED)]
    return names, patterns


def _of_sidecar(folder: Path, name: str) -> set[str]:
    """The names that a file vouches for, its own among them, if it is a part's sidecar; else none."""
    value = _json(folder / name)
    if not isinstance(value, dict) or not value.keys() >= {"key", "files", "counts", "summary", "digest"}:
        return set()
    try:
        said = value.pop("digest")
        stem = name.removesuffix("json")
        files = {file for file in seal.records_from_json(value["files"]) if file.startswith(stem)}
        return {name, *files} if seal.digest_of(value) == said else set()
    except ValueError:
        return set()


def _proves_itself(folder: Path, name: str) -> bool:
    """A schedule, or a card that was not edited, beside a dataset's seal."""
    if name.endswith(".json") and "/" not in name:
        return scheduling.is_schedule(_json(folder / name))
    if name == "README.md":
        return is_unedited(folder / name)
    return False


def refuse_manifest(folder: Path) -> None:
    """Raise UsageError if the folder's manifest.json is a JSON file of another program: it would be replaced."""
    path = folder / seal.MANIFEST
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"{path} is no file of arcorp: move it away, or choose another --out")
    value = _json(path)
    if value is not None and not is_manifest(folder):
        raise UsageError(f"{path} is no manifest of arcorp: move it away, or choose another --out")


def _files(folder: Path, *, state: bool = True) -> Iterable[str]:
    """Names of all files and links below a folder, but the lock and temporaries; with the state's or without."""
    for at, folders, files in os.walk(folder):
        here = Path(at).relative_to(folder)
        folders.sort()
        if not state and STATE in folders:
            folders.remove(STATE)
        links = [name for name in folders if Path(at, name).is_symlink()]
        inside = STATE in here.parts
        for name in sorted([*files, *links]):
            if not seal.is_temporary(name) and not (inside and name == "lock"):
                yield (here / name).as_posix()


def _json(path: Path) -> Any:
    """The value of a JSON file; None for what can't be read as one."""
    try:
        return seal.parsed(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError):
        return None


# -- starting over ----------------------------------------------------------------------------------------


def clear(folder: Path) -> list[str]:
    """Remove the files of a stage that its records name, under its lock. Returns the names of the files that stay.

    `stage.json`, which says that the folder is arcorp's, and the lock stay too. A clearing that was interrupted is
    continued by the next: what names the others is removed last.
    """
    seal.remove_temporaries(folder)
    ours, others = files_of(folder)
    last = [name for name in ours if name.endswith(".json") or name == seal.MANIFEST]
    for name in [*(name for name in ours if name not in set(last)), *sorted(last, key=lambda n: n == seal.MANIFEST)]:
        (folder / name).unlink(missing_ok=True)
        for above in list((folder / name).relative_to(folder).parents)[:-1]:
            with contextlib.suppress(OSError):  # not empty
                (folder / above).rmdir()
    for name in _STAGES_BEFORE:
        before = folder / STATE / name
        if read_record(before, STAGE) is not None:
            others += [f"{STATE}/{name}/{one}" for one in remove_stage_folder(before)]
    for name in _STATE_FILES:
        (folder / STATE / name).unlink(missing_ok=True)
    return others


def remove_stage_folder(folder: Path) -> list[str]:
    """Remove the folder of a stage, under its lock; if files stay that no record names, only the stage's own.

    Returns the names of the files that stay.
    """
    others = clear(folder)
    state = folder / STATE
    for name in _STATE_FOLDERS:
        if (state / name).is_dir():
            shutil.rmtree(state / name)
    others += [name for name in _files(folder) if name.startswith(f"{STATE}/") and name != f"{STATE}/{STAGE}"]
    if not others:
        for path in (state / STAGE, state / "lock"):
            path.unlink(missing_ok=True)
        for path in (state, folder):
            with contextlib.suppress(OSError):  # an empty folder of the user's lies in it
                path.rmdir()
    return sorted(set(others))


def refuse_removal(out: Path, name: str) -> bool:
    """Whether a stage's folder `name` of the build in `out` may be removed; False if there is nothing to remove.

    Raises UsageError for what is not arcorp's or lies behind a symbolic link, Failure for one that is being written.
    """
    folder = out / name
    for path in [folder, *folder.parents]:
        if path == out:
            break
        if path.is_symlink():
            raise UsageError(
                f"{path} is a symbolic link, and --restart removes nothing behind links: remove it yourself"
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
    """Whether a trainer still writes to a run, as after a build that was killed."""
    try:
        with (folder / ".lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def kept(folder: Path, names: Sequence[str]) -> str:
    """One line that names the files that stay in a folder."""
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"{folder}: files that arcorp did not make were left: {shown}"
