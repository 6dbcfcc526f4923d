"""The sealed folders of a build that a report reads, and counts of their manifests as JSON.

A folder that was made from another state of its inputs than the folder now holds (a run on an earlier dataset, for
example) is set aside: figures of two builds are never shown as one. An input that was deleted to save space sets
nothing aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import Incomplete, UsageError
from pipelines.run import BUILD, read_record
from pipelines.stages.build_folder import DATASET, DOCUMENTS, FOLDERS, TOKENIZER, TOKENS, UNIQUE
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.scheduling import Schedule
from sharding.seal import Counts, Manifest, Sealed

VERSION = 4
"""Version of the report. Raise it when the page or its figures change, so that reports are written again."""

UNITS = ("documents", "bytes", "chars")
READING, DEDUPLICATION = "reading", "deduplication"
"""Steps at which documents are dropped."""
GROUPINGS = ("language", "category", "source")
"""Attributes of strata that figures are grouped by, the preferred one first."""

SCHEDULE_FILE = f"{DATASET}/{SCHEDULE}"
INPUTS = {TOKENIZER: TOKENIZER, TOKENS: TOKENS, DATASET: DATASET, "schedule": SCHEDULE_FILE}
"""Inputs as manifests name them, with their places in the folder."""


@dataclass
class Folders:
    """The sealed folders of one build.

    sealed: by their place ("documents/00-oscar"). aside: places of folders made from an earlier state of their inputs.
    schedule: the dataset's schedule, or None. recipe: name and description of the recipe.
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
        """The ingested folder of each corpus of the recipe, by its place."""
        return {place: folder for place, folder in self.sealed.items() if place.startswith(f"{DOCUMENTS}/")}

    @property
    def documents(self) -> list[Sealed]:
        """The folders of documents that the tokenizer and the dataset are made from."""
        unique = self.get(UNIQUE)
        return [unique] if unique else list(self.corpora.values())


def open_folders(folder: Path) -> Folders:
    """Open the sealed folders of a build. Raises UsageError, Incomplete, Damaged."""
    folders = Folders(folder, recipe=_recipe(folder))
    digests = _digests(folder)
    for place, manifest in _manifests(folder).items():
        if _is_stale(manifest.stage, manifest.inputs, digests):
            folders.aside.append(place)
            del digests[place]
        else:
            folders.sealed[place] = Sealed(folder / place)
    if DATASET in folders.sealed and SCHEDULE_FILE in digests:
        folders.schedule = Schedule.read(folder / SCHEDULE_FILE, folders.sealed[DATASET].manifest).data
    return folders


def made_from(folder: Path) -> dict[str, str]:
    """Return the inputs of a report: digests of the sealed folders, of schedule and recipe, and the report's version.

    Raises UsageError, Incomplete, Damaged.
    """
    return {"report": str(VERSION), "recipe": seal.digest_of(_recipe(folder)), **_digests(folder)}


def _manifests(folder: Path) -> dict[str, Manifest]:
    """Read the manifests that exist, by place, those of earlier stages first."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    paths = []
    for name in FOLDERS:
        path = folder / name
        corpora = sorted(path.iterdir(), key=_corpus_number) if name == DOCUMENTS and path.is_dir() else []
        paths += corpora or [path]
    manifests = {}
    for path in paths:
        if (path / seal.MANIFEST).is_file():
            manifests[path.relative_to(folder).as_posix()] = seal.read_manifest(path)
    if not manifests:
        raise Incomplete(f"{folder} holds nothing sealed: run `arcorp build` to its end, then report on it")
    return manifests


def _corpus_number(path: Path) -> tuple[int, str]:
    """Return the sort key of a corpus's folder, its number in the recipe: 2 is before 10, and 10 before 100."""
    number, _, _ = path.name.partition("-")
    return (int(number) if number.isdecimal() else 0), path.name


def _digests(folder: Path) -> dict[str, str]:
    digests = {place: manifest.digest for place, manifest in _manifests(folder).items()}
    schedule = folder / SCHEDULE_FILE
    if schedule.is_file():
        digests[SCHEDULE_FILE] = seal.hash_file(schedule).sha256
    return digests


def _recipe(folder: Path) -> dict[str, str]:
    """Read name and description only: manifests hold the options, and inputs of a recipe can be private paths."""
    recipe = read_record(folder, BUILD) or {}
    return {key: str(recipe.get(key, "")) for key in ("name", "description")}


def _is_stale(stage: str, inputs: Mapping[str, str], digests: Mapping[str, str]) -> bool:
    """Return whether a folder was made from other inputs than those at their places now.

    inputs: digests in the folder's manifest. digests: those of the folders that exist, by place.
    """
    if stage == "ingest":
        return False  # its inputs are files elsewhere
    documents = {digest for name, digest in inputs.items() if name.startswith(f"{DOCUMENTS} ")}
    corpora = {digest for place, digest in digests.items() if place.startswith(f"{DOCUMENTS}/")}
    unique = digests.get(UNIQUE) if stage != "dedup" else None
    if documents and (corpora or unique) and unique not in documents and not (corpora and corpora <= documents):
        return True
    others = {INPUTS[name]: digest for name, digest in inputs.items() if name in INPUTS}
    return any(digests.get(place, digest) != digest for place, digest in others.items())


# -- counts of manifests ----------------------------------------------------------------------------------


def counts_to_json(counts: seal.CountsByUnit) -> dict[str, Any]:
    """Return the counts of documents, bytes and chars as JSON."""
    return {unit: count_to_json(counts[unit]) for unit in UNITS if unit in counts}


def count_to_json(count: Counts) -> dict[str, Any]:
    """Return the counts of one unit as JSON, without reasons whose count is 0."""
    written = count.to_json()
    for key in ("added", "dropped"):
        written[key] = {reason: number for reason, number in sorted(written[key].items()) if number}
    return written
