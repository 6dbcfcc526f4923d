"""Building a recipe: ingest -> translate -> dedup -> tokenizer -> tokenize -> pack -> verify -> train -> evaluate
-> report.

Each stage has its own sealed folder under `--out`, and its inputs are the sealed folders of earlier stages. Finished
and sound stages are not run again. This module is independent of how and where the stages run.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corpora import label_counts
from pipelines.console import Console
from pipelines.errors import UsageError
from pipelines.recipe import STAGES, Recipe, input_paths, is_embedded, schedule_names
from pipelines.run import (
    BUILD,
    STATE,
    Context,
    Delegated,
    LocalRunner,
    Outcome,
    Stage,
    Stopwatch,
    folders,
    lock,
    run_stage,
)
from pipelines.run.state_files import FOLDERS
from pipelines.stages.build_folder import (
    DATASET,
    DOCUMENTS,
    RAW,
    RECIPE,
    RUN,
    RUNS,
    TOKENIZER,
    TOKENS,
    TRANSLATED,
    UNIQUE,
    VERIFIED,
)
from pipelines.texts import line
from sharding import checked, seal
from sharding.seal import Counts, Sealed


@dataclass
class Result:
    """The result of a build.

    folders: digests of the sealed folders by their paths below `out`. idle: nothing was made. report: its page.
    """

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
    """Run all stages of a recipe, up to and including `until`.

    Raises UsageError (the folder holds the build of another recipe), InputError, IntegrityError, Failure; Delegated if
    the context's launcher gave a stage's work to jobs.
    """
    recipe.check_phases(until)
    folders.claim(out, BUILD)
    with lock(out, patience=context.patience):
        context.launcher.admit(out)
        if (out / STATE).is_symlink() or (out / RECIPE).is_symlink():
            raise UsageError(f"{out / RECIPE} is a symbolic link: choose another --out")
        names = folder_names(out)
        if context.restart:
            names = _clear(out, names, console)
            context = replace(context, restart=False)
        _refuse_models(recipe)
        _record_build(recipe, out, names)
        if recipe.evaluate.tasks:  # names are checked before the first stage and not after the last
            from pipelines.evaluation import find_tasks

            find_tasks(recipe.evaluate.tasks)
        chain = _Chain(recipe, out, context, console)
        for name in STAGES:
            getattr(chain, name)()
            if name == until:
                break
        if chain.result.idle:
            console.say(f"nothing to do: {out} is complete, and as it was sealed")
        return chain.result


def _refuse_models(recipe: Recipe) -> None:
    """Raise the errors of opening a translation model before the documents that it translates are read."""
    for corpus in recipe.corpora:
        if corpus.translate is not None:
            from pipelines.stages.translate import open_model

            open_model(corpus.translate)


def folder_names(out: Path) -> list[str]:
    """Return the names of the stages' folders that builds in `out` have started, below `out`.

    A build of release 0.1.0 has no record of them: they are derived from its recipe.
    """
    try:
        names = seal.parsed((out / FOLDERS).read_bytes())["folders"]
    except FileNotFoundError:
        recipe = folders.read_record(out, BUILD)
        names = [name for name in _names_of(recipe or {}) if folders.stage_of(out / name)]
    except (ValueError, KeyError, TypeError):
        names = None
    try:
        if not isinstance(names, list):
            raise TypeError
        return [checked.file_name(name) for name in names]
    except (ValueError, TypeError):
        raise UsageError(
            f"{out / FOLDERS} is damaged, or arcorp did not write it: delete it, or choose another --out"
        ) from None


def _names_of(recipe: dict[str, Any]) -> list[str]:
    """Return the names of the folders that a recipe's stages may have."""
    corpora = recipe.get("corpora")
    documents = [
        f"{DOCUMENTS}/{corpus_label(number, corpus.get('source'), corpus.get('language'))}"
        for number, corpus in enumerate(corpora if isinstance(corpora, list) else [])
        if isinstance(corpus, dict)
    ]
    return [RAW, *documents, UNIQUE, TOKENIZER, TOKENS, DATASET, VERIFIED, RUN]


def corpus_label(number: int, source: str | None, language: str | None) -> str:
    """Return the name of the folder of a corpus's documents, below DOCUMENTS."""
    return "-".join(filter(None, [f"{number:02d}", source, language]))


def _clear(out: Path, names: list[str], console: Console) -> list[str]:
    """Remove the files that stages of earlier builds made in `out`, whatever their recipes were, and no others.

    All folders are checked and locked before the first file is removed. Returns the names of the folders that remain
    because they contain files that arcorp did not make.
    """
    removable = [name for name in names if folders.refuse_removal(out, name)]
    kept = []
    with contextlib.ExitStack() as stack:
        for name in removable:
            stack.enter_context(lock(out / name))
        for name in removable:
            if others := folders.remove_stage_folder(out / name):
                kept.append(name)
                console.say(folders.kept_files_message(out / name, others))
            elif (out / name).parent != out:
                with contextlib.suppress(OSError):  # it contains another corpus's folder
                    (out / name).parent.rmdir()
    return kept


def _record_build(recipe: Recipe, out: Path, names: list[str]) -> None:
    """Write the recipe into the folder. Raises UsageError if a stage of another recipe has files in it."""
    before = folders.read_record(out, BUILD)
    has_files = any(folders.stage_of(out / name) and folders.files_of(out / name)[0] for name in names)
    if before is not None and before["name"] != recipe.name and has_files:
        raise UsageError(
            f"{out} holds the build of recipe '{before['name']}', not of recipe '{recipe.name}': "
            "choose another --out, or --restart to start over"
        )
    seal.write_json(out / FOLDERS, {"folders": names})
    seal.write_json(out / RECIPE, recipe.canonical())


class _Chain:
    """The stages of a build. Each method runs the stage of its name; they are called in the order of STAGES."""

    def __init__(self, recipe: Recipe, out: Path, context: Context, console: Console) -> None:
        self.recipe, self.out, self.context, self.console = recipe, out, context, console
        self.result = Result(out)
        self.documents: list[Path] = []

    def _run(self, stage: Stage) -> Sealed:
        watch = Stopwatch()
        self._record_folder(str(stage.folder.relative_to(self.out)))
        outcome = run_stage(stage, self.context)
        if not outcome.idle:
            self.result.idle = False
            local = isinstance(self.context.launcher, LocalRunner)
            self.console.say(describe(stage, outcome, watch.shown(local=local)))
        self.result.folders[str(stage.folder.relative_to(self.out))] = outcome.sealed.digest
        return outcome.sealed

    def _record_folder(self, name: str) -> None:
        """Record the name of a stage's folder before it is created."""
        names = folder_names(self.out)
        if name not in names:
            seal.write_json(self.out / FOLDERS, {"folders": [*names, name]})

    def ingest(self) -> None:
        from pipelines.stages.ingest import embedded_stage, ingest_stage

        recipe = self.recipe
        if recipe.embedded is not None:
            self._run(embedded_stage(self.out / RAW, recipe.embedded))
        jobs: list[str] | None = None  # of all corpora: they do not wait for each other
        for number, corpus in enumerate(recipe.corpora):
            inputs = [
                str(self.out / RAW / path.partition(":")[2]) if is_embedded(path) else path
                for path in input_paths(corpus)
            ]
            options = recipe.ingest_options(corpus)
            folder = self.out / DOCUMENTS / corpus_label(number, corpus.source, corpus.language)
            try:
                self._run(ingest_stage(folder, corpus.source, inputs, options))
            except Delegated as delegated:
                jobs = [*(jobs or []), *delegated.jobs]
            self.documents.append(folder)
        if jobs is not None:
            raise Delegated("ingest", jobs)

    def translate(self) -> None:
        recipe = self.recipe
        jobs: list[str] | None = None
        for number, corpus in enumerate(recipe.corpora):
            if corpus.translate is None:
                continue
            from pipelines.stages.translate import translate_stage

            folder = self.out / TRANSLATED / corpus_label(number, corpus.source, corpus.translate.target)
            try:
                self._run(translate_stage(folder, [self.documents[number]], corpus.translate))
            except Delegated as delegated:
                jobs = [*(jobs or []), *delegated.jobs]
            self.documents[number] = folder
        if jobs is not None:
            raise Delegated("translate", jobs)

    def dedup(self) -> None:
        if self.recipe.dedup.idle:
            return
        from pipelines.stages.dedup import dedup_stage

        unique = self.out / UNIQUE
        self._run(dedup_stage(unique, self.documents, self.recipe.dedup))
        self.documents = [unique]

    def tokenizer(self) -> None:
        from pipelines.stages.tokenizer import tokenizer_stage

        self._run(tokenizer_stage(self.out / TOKENIZER, self.documents, self.recipe.tokenizer, self.recipe.seed))

    def tokenize(self) -> None:
        from pipelines.stages.tokenize import tokenize_stage

        untrained = self.recipe.chat.untrained
        self._run(tokenize_stage(self.out / TOKENS, self.documents, self.out / TOKENIZER, untrained=untrained))

    def pack(self) -> None:
        from pipelines.stages.pack import pack_stage, write_schedule

        recipe = self.recipe
        dataset = self.out / DATASET
        self._run(pack_stage(dataset, [self.out / TOKENS], recipe.pack, recipe.seed))
        names = schedule_names(recipe.all_runs)
        for run in recipe.all_runs:
            if run.phases is not None:
                write_schedule(dataset, recipe.schedule_options(run), recipe.seed, dataset / names[run.name])

    def verify(self) -> None:
        from pipelines.stages.verify import verify_stage

        self._run(verify_stage(self.out / VERIFIED, self.out / DATASET))

    def train(self) -> None:
        from pipelines.stages.train import TrainingData, train_stage

        recipe = self.recipe
        say, machines = self.console.say, self.context.machines
        names = schedule_names(recipe.all_runs)
        for run in recipe.all_runs:
            start = None if run.init_from is None else self.out / RUNS / run.init_from
            data = TrainingData(self.out / DATASET, names[run.name], start)
            self._run(train_stage(self._folder_of(run.name), data, run.train, recipe.seed, say, machines))

    def _folder_of(self, run: str) -> Path:
        return self.out / RUN if self.recipe.runs is None else self.out / RUNS / run

    def evaluate(self) -> None:
        options = self.recipe.evaluate
        if not options.tasks:
            return
        from pipelines.evaluation import evaluate_stage, find_model, find_tasks, folder_of

        tasks = find_tasks(options.tasks)
        for run in self.recipe.all_runs:
            folder = self._folder_of(run.name)
            place = find_model(folder, self.out / DATASET)
            scores = self.out / folder_of(folder, options.tasks).relative_to(self.out.absolute())
            self._run(evaluate_stage(scores, place, tasks, options.limit))

    def report(self) -> None:
        from pipelines.report import PAGE, report_is_current

        self.result.report = self.out / PAGE
        if not report_is_current(self.out):
            self.result.idle = False
            write_report_and_card(self.out)


def write_report_and_card(out: Path) -> Path:
    """Write the report of a build, complete or not, and the card of its dataset; return the path of the page.

    Raises UsageError if there is no such folder, Incomplete if no folder is sealed yet, SealError for damage.
    """
    from pipelines.publish import write_card
    from pipelines.report import gather, refuse_foreign, write_report

    figures = gather(out)
    refuse_foreign(out)
    if "packing" in figures:  # the card is written first: a current report then implies a card
        write_card(out / DATASET, figures["name"] or "dataset")
    return write_report(out, figures)


def describe(stage: Stage, outcome: Outcome, took: str) -> str:
    """Return a line that summarizes the run of a stage, and a line for each bad file and each doubtful label.

    took: the times of the run.
    """
    place = f"{stage.name:<10} {stage.folder}"
    if outcome.idle:
        return f"{place}: done before"
    units = outcome.sealed.manifest.counts
    shown = ("chars",) if stage.name == "tokenizer" else ("documents", "sentences", "tokens", "steps")
    facts = [_describe_counts(unit, units[unit]) for unit in shown if unit in units]
    summary = outcome.sealed.manifest.summary
    if summary.get("parts_by_reference"):
        facts.append(f"{summary['parts_by_reference']} parts by the slow engine, as the fast one differs or refuses")
    elif count := summary.get("documents_by_reference"):
        facts.append(f"{count:,} documents by the slow engine, as the fast one splits them differently")
    splits = summary.get("splits", {})
    facts += [f"{split['rows']:,} rows for {name}" for name, split in splits.items()]
    if outcome.mended:
        facts.append(f"mended {', '.join(outcome.mended)}")
    elif outcome.kept:
        facts.append(f"{outcome.kept} of {outcome.kept + outcome.made} parts were done before")
    facts.append(took)
    bad = outcome.sealed.manifest.summary.get("bad", [])
    if bad:
        facts.append(f"{len(bad)} bad {'file' if len(bad) == 1 else 'files'} left out")
    sets = [_describe_evaluation(each) for each in summary.get("evaluation", [])]
    doubts = [f"warning: {sentence}" for sentence in label_counts.sentences(summary.get("labels"))]
    return "\n  ".join(map(line, [f"{place}: {', '.join(facts)}", *bad, *doubts, *sets]))


def _describe_evaluation(counts: dict[str, Any]) -> str:
    """Return a line on an evaluation set; a warning if no document can match it."""
    name, fields = counts["name"], ", ".join(counts.get("fields", [])) or "lines"
    if counts["ngrams"]:
        return f"evaluation set {name}: {counts['records']:,} records, {counts['ngrams']:,} n-grams of {fields}"
    return (
        f"warning: evaluation set {name} has no n-gram that a document could match ({counts['records']:,} records of "
        f"{fields}, all too short): check the file and decontaminate_fields"
    )


def _describe_counts(unit: str, counts: Counts) -> str:
    dropped = {reason: count for reason, count in counts.dropped.items() if count}
    reasons = ", ".join(f"{dropped[reason]:,} {reason}" for reason in sorted(dropped, key=lambda name: -dropped[name]))
    return f"{counts.out:,} {unit}" + (f" ({sum(dropped.values()):,} dropped: {reasons})" if dropped else "")
