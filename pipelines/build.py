"""A recipe from end to end: ingest -> dedup -> tokenizer -> tokenize -> pack -> verify -> train -> report.

Each stage has a folder of its own under `--out`, sealed, and takes the sealed folders before it as its inputs; what
is done and sound is not done again. Nothing here knows how a stage works, or where it runs.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.errors import UsageError
from pipelines.recipe import STAGES, IngestOptions, Recipe, ScheduleOptions, input_paths, is_embedded
from pipelines.run import STATE, Context, Delegated, Outcome, Stage, folders, lock, run_stage
from pipelines.stages.build_folder import (
    DATASET,
    DOCUMENTS,
    RAW,
    RECIPE,
    RUN,
    TOKENIZER,
    TOKENS,
    UNIQUE,
    VERIFIED,
)
from pipelines.texts import line
from sharding import checked, seal
from sharding.seal import Counts, Sealed

FOLDERS = f"{STATE}/folders.json"
"""Names of the stages' folders that builds here have begun: what --restart removes."""


@dataclass
class Result:
    """What a build did. `folders`: the sealed ones, by their place under `out`, with their digests."""

    out: Path
    folders: dict[str, str] = field(default_factory=dict)
    idle: bool = True
    report: Path | None = None

    @property
    def last_line(self) -> str:
        return str(self.report or self.out)

    def to_json(self) -> dict[str, Any]:
        report = str(self.report) if self.report else None
        return {"out": str(self.out), "folders": self.folders, "idle": self.idle, "report": report}


def build(recipe: Recipe, out: Path, until: str | None, context: Context, console: Console) -> Result:
    """Bring all stages of a recipe to their sealed ends, up to and with `until`.

    Raises what `pipelines.errors` draws: UsageError (another recipe's folder), InputError, IntegrityError, Failure;
    and Delegated, where the context's launcher gave a stage's work to others.
    """
    folders.claim(out, folders.BUILD)
    with lock(out, patience=context.patience):
        context.launcher.admit(out)
        if (out / STATE).is_symlink() or (out / RECIPE).is_symlink():
            raise UsageError(f"{out / RECIPE} is a symbolic link: choose another --out")
        names = folder_names(out)
        if context.restart:
            names = _clear(out, names, console)
            context = replace(context, restart=False)
        _remember(recipe, out, names)
        chain = _Chain(recipe, out, context, console)
        for name in STAGES:
            getattr(chain, name)()
            if name == until:
                break
        if chain.result.idle:
            console.say(f"nothing to do: {out} is complete, and as it was sealed")
        return chain.result


def folder_names(out: Path) -> list[str]:
    """Names of the stages' folders that builds in `out` have begun, below `out`.

    A build of release 0.1.0 has no record of them: they follow from its recipe.
    """
    try:
        found = seal.parsed((out / FOLDERS).read_bytes())["folders"]
    except FileNotFoundError:
        recipe = folders.read_record(out, folders.BUILD)
        found = [name for name in _names_of(recipe or {}) if folders.stage_of(out / name)]
    except (ValueError, KeyError, TypeError):
        found = None
    try:
        if not isinstance(found, list):
            raise TypeError
        return [checked.file_name(name) for name in found]
    except (ValueError, TypeError):
        raise UsageError(f"{out / FOLDERS} is no record of arcorp, or was cut: choose another --out") from None


def _names_of(recipe: dict[str, Any]) -> list[str]:
    """Names of the folders that a recipe's stages may have."""
    corpora = recipe.get("corpora")
    documents = [
        f"documents/{corpus_label(number, corpus.get('source'), corpus.get('language'))}"
        for number, corpus in enumerate(corpora if isinstance(corpora, list) else [])
        if isinstance(corpus, dict)
    ]
    return ["raw", *documents, "unique", "tokenizer", "tokens", "dataset", "verified", "run"]


def corpus_label(number: int, source: str | None, language: str | None) -> str:
    """Name of the folder of a corpus's documents, below `documents/`."""
    return "-".join(filter(None, [f"{number:02d}", source, language]))


def _clear(out: Path, names: list[str], console: Console) -> list[str]:
    """Start over: remove what the stages of earlier builds made here, whatever their recipes were, and nothing else.

    All folders are checked and locked before the first file is removed. Returns the names of the folders that stay,
    because files lie in them that arcorp did not make.
    """
    going = [name for name in names if folders.refuse_removal(out, name)]
    left = []
    with contextlib.ExitStack() as stack:
        for name in going:
            stack.enter_context(lock(out / name))
        for name in going:
            if others := folders.remove_stage_folder(out / name):
                left.append(name)
                console.say(folders.kept(out / name, others))
            elif (out / name).parent != out:
                with contextlib.suppress(OSError):  # another corpus's folder lies in it
                    (out / name).parent.rmdir()
    return left


def _remember(recipe: Recipe, out: Path, names: list[str]) -> None:
    """Note whose build this folder is; refuse one in which a stage of another recipe has begun."""
    before = folders.read_record(out, folders.BUILD)
    begun = any(folders.stage_of(out / name) and folders.files_of(out / name)[0] for name in names)
    if before is not None and before["name"] != recipe.name and begun:
        raise UsageError(
            f"{out} holds the build of recipe '{before['name']}', and this is '{recipe.name}': "
            "choose another --out, or --restart to start over"
        )
    seal.write_json(out / FOLDERS, {"folders": names})
    seal.write_json(out / RECIPE, recipe.canonical())


class _Chain:
    """The stages of one build, in order; each method does one and keeps its sealed folder for those after it."""

    def __init__(self, recipe: Recipe, out: Path, context: Context, console: Console) -> None:
        self.recipe, self.out, self.context, self.console = recipe, out, context, console
        self.result = Result(out)
        self.documents: list[Path] = []

    def _do(self, stage: Stage) -> Sealed:
        began = time.monotonic()
        self._note(str(stage.folder.relative_to(self.out)))
        outcome = run_stage(stage, self.context)
        if not outcome.idle:
            self.result.idle = False
            self.console.say(describe(stage, outcome, time.monotonic() - began))
        self.result.folders[str(stage.folder.relative_to(self.out))] = outcome.sealed.digest
        return outcome.sealed

    def _note(self, name: str) -> None:
        """Record the name of a stage's folder before it is made."""
        names = folder_names(self.out)
        if name not in names:
            seal.write_json(self.out / FOLDERS, {"folders": [*names, name]})

    def ingest(self) -> None:
        from pipelines.stages.ingest import embedded_stage, ingest_stage

        recipe = self.recipe
        if recipe.embedded is not None:
            self._do(embedded_stage(self.out / RAW, recipe.embedded))
        handed: list[str] | None = None  # corpora don't wait for each other
        for number, corpus in enumerate(recipe.corpora):
            inputs = [
                str(self.out / RAW / path.partition(":")[2]) if is_embedded(path) else path
                for path in input_paths(corpus)
            ]
            given = {name: getattr(corpus, name) for name in IngestOptions.model_fields if hasattr(corpus, name)}
            quality = recipe.quality.model_copy(update={"profile": corpus.profile or recipe.quality.profile})
            options = IngestOptions(**given, clean=recipe.clean, quality=quality)
            folder = self.out / DOCUMENTS / corpus_label(number, corpus.source, corpus.language)
            try:
                self._do(ingest_stage(folder, corpus.source, inputs, options))
            except Delegated as one:
                handed = [*(handed or []), *one.jobs]
            self.documents.append(folder)
        if handed is not None:
            raise Delegated("ingest", handed)

    def dedup(self) -> None:
        if self.recipe.dedup.method == "none" and not self.recipe.dedup.decontaminate:
            return
        from pipelines.stages.dedup import dedup_stage

        unique = self.out / UNIQUE
        self._do(dedup_stage(unique, self.documents, self.recipe.dedup))
        self.documents = [unique]

    def tokenizer(self) -> None:
        from pipelines.stages.tokenizer import tokenizer_stage

        self._do(tokenizer_stage(self.out / TOKENIZER, self.documents, self.recipe.tokenizer, self.recipe.seed))

    def tokenize(self) -> None:
        from pipelines.stages.tokenize import tokenize_stage

        self._do(tokenize_stage(self.out / TOKENS, self.documents, self.out / TOKENIZER))

    def pack(self) -> None:
        from pipelines.stages.pack import pack_stage, write_schedule

        recipe = self.recipe
        dataset = self.out / DATASET
        self._do(pack_stage(dataset, [self.out / TOKENS], recipe.pack, recipe.seed))
        options = ScheduleOptions(batch_rows=recipe.train.batch_rows, mixture=recipe.mixture, phases=recipe.phases)
        write_schedule(dataset, options, recipe.seed)

    def verify(self) -> None:
        from pipelines.stages.verify import verify_stage

        self._do(verify_stage(self.out / VERIFIED, self.out / DATASET))

    def train(self) -> None:
        from pipelines.stages.train import train_stage

        recipe = self.recipe
        say, machines = self.console.say, self.context.machines
        self._do(train_stage(self.out / RUN, self.out / DATASET, recipe.train, recipe.seed, say, machines))

    def report(self) -> None:
        from pipelines.report import PAGE, report_is_current

        self.result.report = self.out / PAGE
        if not report_is_current(self.out):
            self.result.idle = False
            write_report_and_card(self.out)


def write_report_and_card(out: Path) -> Path:
    """Write the report of a build, complete or not, and the card of its dataset; return the path of the page.

    Raises UsageError where there is no such folder, Incomplete where nothing is sealed yet, SealError for damage.
    """
    from pipelines.publish import write_card
    from pipelines.report import gather, write_report

    figures = gather(out)
    if "packing" in figures:  # first, so that the dataset of a report that is current has its card
        write_card(out / DATASET, figures["name"] or "dataset")
    return write_report(out, figures)


def describe(stage: Stage, outcome: Outcome, seconds: float) -> str:
    """One line on what a stage did, for people."""
    place = f"{stage.name:<10} {stage.folder}"
    if outcome.idle:
        return f"{place}: done before"
    units = outcome.sealed.manifest.counts
    told = ("chars",) if stage.name == "tokenizer" else ("documents", "tokens", "steps")
    said = [_ledger(unit, units[unit]) for unit in told if unit in units]
    summary = outcome.sealed.manifest.summary
    if summary.get("parts_by_reference"):
        said.append(f"{summary['parts_by_reference']} parts by the slow engine, as the fast one differs or refuses")
    splits = summary.get("splits", {})
    said += [f"{split['rows']:,} rows for {name}" for name, split in splits.items()]
    if outcome.mended:
        said.append(f"mended {', '.join(outcome.mended)}")
    elif outcome.kept:
        said.append(f"{outcome.kept} of {outcome.kept + outcome.made} parts were done before")
    said.append(f"{seconds:.1f} s")
    bad = outcome.sealed.manifest.summary.get("bad", [])
    if bad:
        said.append(f"{len(bad)} bad {'file' if len(bad) == 1 else 'files'} left out")
    return "\n  ".join(map(line, [f"{place}: {', '.join(said)}", *bad]))


def _ledger(unit: str, ledger: Counts) -> str:
    why = sorted(((reason, count) for reason, count in ledger.dropped.items() if count), key=lambda each: -each[1])
    said = ", ".join(f"{count:,} {reason}" for reason, count in why)
    return f"{ledger.out:,} {unit}" + (f" ({sum(ledger.dropped.values()):,} dropped: {said})" if why else "")
