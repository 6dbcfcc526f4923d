"""A recipe from end to end: ingest -> dedup -> tokenizer -> tokenize -> pack -> verify -> train -> report.

Each stage has a folder of its own under `--out`, sealed, and takes the sealed folders before it as its inputs; what
is done and sound is not done again. Nothing here knows how a stage works, or where it runs.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.errors import UsageError
from pipelines.recipe.model import Recipe, is_embedded, paths
from pipelines.recipe.options import IngestOptions, ScheduleOptions
from pipelines.run.lock import STATE, lock
from pipelines.run.stage import Context, Handed, Outcome, Stage, claim, run
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
from sharding import seal
from sharding.seal import Ledger, Sealed

STAGES = ("ingest", "dedup", "tokenizer", "tokenize", "pack", "verify", "train", "report")


@dataclass
class Result:
    """What a build did. `folders`: the sealed ones, by their place under `out`, with their roots."""

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
    and Handed, where the context's maker gave a stage's work to others.
    """
    claim(out)
    with lock(out, patience=context.patience):
        context.maker.admit(out)
        if context.restart:
            _clear(out)
            context = replace(context, restart=False)
        _remember(recipe, out)
        chain = _Chain(recipe, out, context, console)
        for name in STAGES:
            getattr(chain, name)()
            if name == until:
                break
        if chain.result.idle:
            console.say(f"nothing to do: {out} is complete, and as it was sealed")
        return chain.result


def _clear(out: Path) -> None:
    """Start over: remove the folders of an earlier build, whatever its recipe was, and nothing else."""
    for path in sorted(out.glob(f"*/{STATE}")) + sorted(out.glob(f"*/*/{STATE}")):
        shutil.rmtree(path.parent, ignore_errors=True)
    (out / RECIPE).unlink(missing_ok=True)


def _remember(recipe: Recipe, out: Path) -> None:
    """Note whose build this folder is; refuse another recipe's."""
    path = out / RECIPE
    if path.is_file():
        before = json.loads(path.read_bytes())["name"]
        if before != recipe.name:
            raise UsageError(
                f"{out} holds the build of recipe '{before}', and this is '{recipe.name}': "
                "choose another --out, or --restart to start over"
            )
    seal.write_json(path, recipe.canonical())


class _Chain:
    """The stages of one build, in order; each method does one and keeps its sealed folder for those after it."""

    def __init__(self, recipe: Recipe, out: Path, context: Context, console: Console) -> None:
        self.recipe, self.out, self.context, self.console = recipe, out, context, console
        self.result = Result(out)
        self.documents: list[Path] = []

    def _do(self, stage: Stage) -> Sealed:
        began = time.monotonic()
        outcome = run(stage, self.context)
        if not outcome.idle:
            self.result.idle = False
            self.console.say(describe(stage, outcome, time.monotonic() - began))
        self.result.folders[str(stage.folder.relative_to(self.out))] = outcome.sealed.root
        return outcome.sealed

    def ingest(self) -> None:
        from pipelines.stages.ingest import embedded_stage, ingest_stage

        recipe = self.recipe
        if recipe.embedded is not None:
            self._do(embedded_stage(self.out / RAW, recipe.embedded))
        handed: list[str] | None = None  # corpora don't wait for each other
        for number, corpus in enumerate(recipe.corpora):
            inputs = [
                str(self.out / RAW / path.partition(":")[2]) if is_embedded(path) else path for path in paths(corpus)
            ]
            given = {name: getattr(corpus, name) for name in IngestOptions.model_fields if hasattr(corpus, name)}
            quality = recipe.quality.model_copy(update={"profile": corpus.profile or recipe.quality.profile})
            options = IngestOptions(**given, clean=recipe.clean, quality=quality)
            label = "-".join(filter(None, [f"{number:02d}", corpus.source, corpus.language]))
            folder = self.out / DOCUMENTS / label
            try:
                self._do(ingest_stage(folder, corpus.source, inputs, options))
            except Handed as one:
                handed = [*(handed or []), *one.jobs]
            self.documents.append(folder)
        if handed is not None:
            raise Handed("ingest", handed)

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
        from pipelines.stages.pack import lay_schedule, pack_stage

        recipe = self.recipe
        dataset = self.out / DATASET
        self._do(pack_stage(dataset, [self.out / TOKENS], recipe.pack, recipe.seed))
        options = ScheduleOptions(batch_rows=recipe.train.batch_rows, mixture=recipe.mixture, phases=recipe.phases)
        lay_schedule(dataset, options, recipe.seed)

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
    return "\n  ".join([f"{place}: {', '.join(said)}", *bad])


def _ledger(unit: str, ledger: Ledger) -> str:
    why = sorted(((reason, count) for reason, count in ledger.dropped.items() if count), key=lambda each: -each[1])
    said = ", ".join(f"{count:,} {reason}" for reason, count in why)
    return f"{ledger.out:,} {unit}" + (f" ({sum(ledger.dropped.values()):,} dropped: {said})" if why else "")
