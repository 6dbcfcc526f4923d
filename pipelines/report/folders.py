"""The sealed folders of a build that a report reads, and counts of their manifests as JSON.

A folder that was made from another state of its inputs than the folder now holds (a run on an earlier dataset, for
example) is set aside: figures of two builds are never shown as one. An input that was deleted to save space sets
nothing aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pipelines.errors import Incomplete, UsageError
from pipelines.recipe import RunOptions, schedule_names
from pipelines.run import BUILD, read_record
from pipelines.stages.build_folder import (
    DATASET,
    DOCUMENTS,
    EVALUATION,
    FOLDERS,
    RUN,
    RUNS,
    TOKENIZER,
    TOKENS,
    TRANSLATED,
    UNIQUE,
)
from sharding import seal
from sharding.layout import SCHEDULE
from sharding.scheduling import Schedule
from sharding.seal import Counts, Manifest, Sealed

VERSION = 8
"""Version of the report. Raise it when the page or its figures change, so that reports are written again."""

UNITS = ("documents", "bytes", "chars")
READING, TRANSLATION, DEDUPLICATION = "reading", "translation", "deduplication"
"""Steps at which documents are dropped."""
GROUPINGS = ("language", "category", "source")
"""Attributes of strata that figures are grouped by, the preferred one first."""

Folder = TypeVar("Folder")

SCHEDULE_FILE = f"{DATASET}/{SCHEDULE}"
INPUTS = {TOKENIZER: TOKENIZER, TOKENS: TOKENS, DATASET: DATASET, "schedule": SCHEDULE_FILE}
"""Inputs as manifests name them, with their places in the folder. Others are a corpus and an earlier run."""


@dataclass
class Folders:
    """The sealed folders of one build.

    sealed: by their place ("documents/00-oscar"). aside: places of folders made from an earlier state of their inputs.
    schedule: the dataset's schedule, or None. schedules: those of runs, by the place of the run. recipe: name and
    description of the recipe.
    """

    path: Path
    sealed: dict[str, Sealed] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    schedule: dict[str, Any] | None = None
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipe: dict[str, str] = field(default_factory=dict)

    def get(self, place: str) -> Sealed | None:
        return self.sealed.get(place)

    @property
    def corpora(self) -> dict[str, Sealed]:
        """The ingested folder of each corpus of the recipe, by its place."""
        return {place: folder for place, folder in self.sealed.items() if place.startswith(f"{DOCUMENTS}/")}

    @property
    def runs(self) -> dict[str, Sealed]:
        """The run, or the runs in the order of the recipe, by their places."""
        return {place: folder for place, folder in self.sealed.items() if folder.manifest.stage == "train"}

    @property
    def translations(self) -> dict[str, Sealed]:
        """The folder of the translation of each corpus that has one, by the place of the corpus."""
        by_number = _by_number(self.sealed, TRANSLATED)
        return {place: by_number[number] for place in self.corpora if (number := _number(place)) in by_number}

    @property
    def latest(self) -> list[Sealed]:
        """The folder of each corpus that later stages read: its translation if it has one, else its documents."""
        return list((_by_number(self.sealed, DOCUMENTS) | _by_number(self.sealed, TRANSLATED)).values())

    @property
    def documents(self) -> list[Sealed]:
        """The folders of documents that the tokenizer and the dataset are made from."""
        unique = self.get(UNIQUE)
        return [unique] if unique else self.latest


def open_folders(folder: Path) -> Folders:
    """Open the sealed folders of a build. Raises UsageError, Incomplete, Damaged."""
    folders = Folders(folder, recipe=_recipe(folder))
    digests, schedules = _digests(folder), _schedules(folder)
    for place, manifest in _manifests(folder).items():
        is_lost = manifest.stage == "train" and place not in schedules  # a run that the recipe no longer has
        if is_lost or _is_stale(manifest.stage, manifest.inputs, digests, schedules.get(place, SCHEDULE_FILE)):
            folders.aside.append(place)
            del digests[place]
        else:
            folders.sealed[place] = Sealed(folder / place)
    if DATASET in folders.sealed and SCHEDULE_FILE in digests:
        folders.schedule = Schedule.read(folder / SCHEDULE_FILE, folders.sealed[DATASET].manifest).data
        read = {SCHEDULE_FILE: folders.schedule}
        for place in folders.runs:
            name = schedules[place]
            read[name] = read.get(name) or Schedule.read(folder / name, folders.sealed[DATASET].manifest).data
            folders.schedules[place] = read[name]
    return folders


def _schedules(folder: Path) -> dict[str, str]:
    """Return the place of each run's schedule by the place of the run, in the order of the recipe."""
    try:
        runs = [RunOptions.model_validate(run) for run in (read_record(folder, BUILD) or {}).get("runs") or ()]
    except (ValidationError, TypeError):
        runs = []
    names = schedule_names(runs) if runs else {}
    return {RUN: SCHEDULE_FILE, **{f"{RUNS}/{name}": f"{DATASET}/{file}" for name, file in names.items()}}


def made_from(folder: Path) -> dict[str, str]:
    """Return the inputs of a report: digests of the sealed folders, of schedule and recipe, and the report's version.

    Raises UsageError, Incomplete, Damaged.
    """
    scores = {place: sealed.digest for place, sealed in evaluations(folder).items()}
    return {"report": str(VERSION), "recipe": seal.digest_of(_recipe(folder)), **_digests(folder), **scores}


def evaluations(folder: Path) -> dict[str, Sealed]:
    """Return the sealed evaluations in a build's folder, by place."""
    paths = sorted((folder / EVALUATION).glob(f"*/{seal.MANIFEST}"))
    opened = {path.parent.relative_to(folder).as_posix(): Sealed(path.parent) for path in paths}
    return {place: sealed for place, sealed in opened.items() if sealed.manifest.stage == "evaluate"}


def _manifests(folder: Path) -> dict[str, Manifest]:
    """Read the manifests that exist, by place, those of earlier stages first."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    paths = []
    for name in FOLDERS:
        path = folder / name
        if name in (DOCUMENTS, TRANSLATED) and path.is_dir():
            paths += sorted(path.iterdir(), key=_corpus_number)
        elif name == RUNS and path.is_dir():
            order = [place.removeprefix(f"{RUNS}/") for place in _schedules(folder)]
            runs = sorted(path.iterdir())
            paths += sorted(runs, key=lambda run: order.index(run.name) if run.name in order else len(order))
        else:
            paths.append(path)
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


def _number(place: str) -> str:
    """Return the number of a corpus in the recipe, given the place of one of its folders."""
    return place.partition("/")[2].partition("-")[0]


def _by_number(folders: Mapping[str, Folder], name: str) -> dict[str, Folder]:
    """Return the folders below `name` by the numbers of their corpora. folders: by place."""
    return {_number(place): folder for place, folder in folders.items() if place.startswith(f"{name}/")}


def _digests(folder: Path) -> dict[str, str]:
    digests = {place: manifest.digest for place, manifest in _manifests(folder).items()}
    for name in _schedules(folder).values():
        if (folder / name).is_file():
            digests[name] = seal.hash_file(folder / name).sha256
    return digests


def _recipe(folder: Path) -> dict[str, str]:
    """Read name and description only: manifests hold the options, and inputs of a recipe can be private paths."""
    recipe = read_record(folder, BUILD) or {}
    return {key: str(recipe.get(key, "")) for key in ("name", "description")}


def _is_stale(stage: str, inputs: Mapping[str, str], digests: Mapping[str, str], schedule: str) -> bool:
    """Return whether a folder was made from other inputs than those at their places now.

    inputs: digests in the folder's manifest. digests: those of the folders that exist, by place. schedule: the place
    of the folder's schedule.
    """
    if stage == "ingest":
        return False  # its inputs are files elsewhere
    documents = {digest for name, digest in inputs.items() if name.startswith(f"{DOCUMENTS} ")}
    corpora, translations = (_by_number(digests, name) for name in (DOCUMENTS, TRANSLATED))
    if stage == "translate":
        return bool(corpora) and not documents <= set(corpora.values())
    unique = digests.get(UNIQUE) if stage != "dedup" else None
    read = [{corpora.get(number), translations.get(number)} & documents for number in {**corpora, **translations}]
    if documents and (read or unique) and unique not in documents and not (read and all(read)):
        return True
    places = {**INPUTS, "schedule": schedule, **{name: name for name in inputs if name.startswith(f"{RUNS}/")}}
    others = {places[name]: digest for name, digest in inputs.items() if name in places}
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
