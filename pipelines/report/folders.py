"""What lies in a build's folder: the sealed folders, in the order in which each was made from those before it.

A folder that was made from another state of its inputs than lies there now (a run on an earlier dataset, say) is set
aside: figures of two builds are never shown as one. That an input was deleted since, to save room, is no reason to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import Incomplete, UsageError
from pipelines.run.folders import BUILD, record
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.scheduling.schedule import Schedule
from sharding.seal import Manifest, Sealed

VERSION = 3
"""Of the report's own code: raise it when the page changes, and reports are made anew."""

DOCUMENTS = "documents"
SCHEDULED = f"dataset/{SCHEDULE}"
NAMED = ("tokenizer", "tokens", "dataset", "schedule")
"""Inputs that manifests call by the name of the folder, or the schedule, that lies here."""
ORDER = ("raw", DOCUMENTS, "unique", "tokenizer", "tokens", "dataset", "verified", "run")


@dataclass
class Folders:
    """The sealed folders of one build. `sealed` by their place ("documents/00-oscar"), `aside` the stale ones.

    `schedule` is the dataset's, or None. `recipe` holds the recipe's name and description.
    """

    path: Path
    sealed: dict[str, Sealed] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    schedule: dict[str, Any] | None = None
    recipe: dict[str, str] = field(default_factory=dict)

    def get(self, place: str) -> Sealed | None:
        return self.sealed.get(place)

    @property
    def corpora(self) -> dict[str, Sealed]:
        """One folder for each corpus of the recipe, as ingested."""
        return {place: one for place, one in self.sealed.items() if place.startswith(f"{DOCUMENTS}/")}

    @property
    def documents(self) -> list[Sealed]:
        """The documents that the tokenizer and the dataset are made from."""
        unique = self.get("unique")
        return [unique] if unique else list(self.corpora.values())


def open_folders(folder: Path) -> Folders:
    """Open what is sealed in a build's folder. Raises UsageError, Incomplete, Damaged."""
    found = Folders(folder, recipe=_recipe(folder))
    lying = _roots(folder)
    for place, manifest in _manifests(folder).items():
        if _is_stale(manifest.stage, manifest.inputs, lying):
            found.aside.append(place)
            del lying[place]
        else:
            found.sealed[place] = Sealed(folder / place)
    if "dataset" in found.sealed and SCHEDULED in lying:
        found.schedule = Schedule.read(folder / SCHEDULED, found.sealed["dataset"].manifest).data
    return found


def made_from(folder: Path) -> dict[str, str]:
    """What a report of this folder is made from: the root of each sealed folder, the schedule's hash, the code."""
    return {"report": str(VERSION), "recipe": seal.digest(_recipe(folder)), **_roots(folder)}


def _manifests(folder: Path) -> dict[str, Manifest]:
    """The manifests that are there, earlier stages first."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    places = []
    for name in ORDER:
        many = sorted((folder / name).iterdir(), key=_number) if name == DOCUMENTS and (folder / name).is_dir() else []
        places += many or [folder / name]
    found = {}
    for path in places:
        if (path / seal.MANIFEST).is_file():
            found[path.relative_to(folder).as_posix()] = seal.read_manifest(path)
    if not found:
        raise Incomplete(f"{folder} holds nothing sealed: run `arcorp build` to its end, then report on it")
    return found


def _number(path: Path) -> tuple[int, str]:
    """Folders of corpora are numbered as in the recipe: 2 before 10, 10 before 100."""
    number, _, _ = path.name.partition("-")
    return (int(number) if number.isdecimal() else 0), path.name


def _roots(folder: Path) -> dict[str, str]:
    roots = {place: manifest.root for place, manifest in _manifests(folder).items()}
    schedule = folder / SCHEDULED
    if schedule.is_file():
        roots[SCHEDULED] = seal.hash_file(schedule).sha256
    return roots


def _recipe(folder: Path) -> dict[str, str]:
    """Name and description alone: options are the manifests' to tell, and inputs may be paths."""
    recipe = record(folder, BUILD) or {}
    return {key: str(recipe.get(key, "")) for key in ("name", "description")}


def _is_stale(stage: str, inputs: Mapping[str, str], lying: Mapping[str, str]) -> bool:
    """Whether what lies where an input was is another than this folder was made from."""
    if stage == "ingest":
        return False  # its inputs are files elsewhere
    documents = {root for name, root in inputs.items() if name.startswith(f"{DOCUMENTS} ")}
    corpora = {root for place, root in lying.items() if place.startswith(f"{DOCUMENTS}/")}
    unique = lying.get("unique") if stage != "dedup" else None
    if documents and (corpora or unique) and unique not in documents and not (corpora and corpora <= documents):
        return True
    others = {SCHEDULED if name == "schedule" else name: root for name, root in inputs.items() if name in NAMED}
    return any(lying.get(place, root) != root for place, root in others.items())
