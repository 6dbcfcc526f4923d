"""The commands of single stages, most of which return a stage, which `flags.runs_stage` runs.

They are the stages of a build, with the same options and the same output, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from pipelines import texts
from pipelines.cli.flags import (
    CORES,
    Debug,
    Docs,
    DryRun,
    Form,
    Out,
    Restart,
    Seed,
    Workers,
    options_of,
    run_and_show,
    run_quietly,
    runs_stage,
)
from pipelines.console import Console, Format
from pipelines.errors import UsageError
from pipelines.recipe import (
    DedupOptions,
    IngestOptions,
    PackOptions,
    ScheduleOptions,
    TranslateOptions,
    Untrained,
)
from pipelines.run import Stage
from sharding.options import SCHEDULE


@runs_stage
@options_of(IngestOptions)
def ingest(
    source: Annotated[str, typer.Argument(help="Name of the source; `arcorp sources` lists them.")],
    input: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files, folders or globs.")],
    options: IngestOptions,
    out: Out,
) -> Stage:
    """Read, clean and filter one source into documents."""
    from pipelines.stages.first_documents import first_documents
    from pipelines.stages.ingest import ingest_stage

    stage = ingest_stage(out, source, input, options)
    return replace(stage, look=lambda: first_documents(source, input, options).to_json())


@options_of(TranslateOptions)
def translate(
    options: TranslateOptions,
    docs: Annotated[list[Path] | None, typer.Argument(help="Folders of documents.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder; created if it does not exist.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Translate the lines of stdin to stdout, instead of documents.")
    ] = False,
    workers: Workers = CORES,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Translate documents, or lines, into another language."""
    console = Console(format)
    if text:
        from pipelines.cli.translation import translate_lines

        if docs or out is not None:
            raise UsageError("--text reads stdin and writes stdout: remove the folders and --out")
        translate_lines(options, console)
        return
    from pipelines.stages.translate import translate_stage

    if not docs or out is None:
        raise UsageError("give folders of documents and --out, or --text to translate the lines of stdin")
    run_and_show(translate_stage(out, docs, options), workers, restart, dry_run, console)


@runs_stage
@options_of(DedupOptions)
def dedup(
    docs: Docs,
    options: DedupOptions,
    out: Out,
) -> Stage:
    """Drop duplicates across folders of documents."""
    from pipelines.stages.dedup import dedup_stage

    return dedup_stage(out, docs, options)


@runs_stage
def tokenize(
    docs: Docs,
    tokenizer: Annotated[Path, typer.Option("--tokenizer", help="Folder of the tokenizer.")],
    out: Out,
    allow_lossy: Annotated[
        bool,
        typer.Option("--allow-lossy", help="Accept a tokenizer that changes texts, and count the changed documents."),
    ] = False,
    untrained: Annotated[
        list[str] | None,
        typer.Option(
            "--untrained",
            help="Kind of parts of answers in conversations that is not trained on; can be repeated: "
            f"{', '.join(get_args(Untrained))}.",
        ),
    ] = None,
) -> Stage:
    """Encode documents into tokens."""
    from pipelines.stages.tokenize import tokenize_stage

    for kind in untrained or ():
        if kind not in get_args(Untrained):
            raise UsageError(f"--untrained {kind}: choose one of {', '.join(get_args(Untrained))}")
    return tokenize_stage(out, docs, tokenizer, allow_lossy=allow_lossy, untrained=untrained or ())


@options_of(PackOptions)
def pack(
    tokens: Annotated[list[Path], typer.Argument(help="Folders of tokens; with --tokenizer, files of ids.")],
    options: PackOptions,
    out: Out,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer",
            help="Tokenizer of the pre-tokenized input (.parquet, .npy, .bin), which is stored in OUT-tokens.",
        ),
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Source of ids without a label.")] = "pretokenized",
    language: Annotated[str, typer.Option("--language", help="Language of ids without a label.")] = "und",
    category: Annotated[str, typer.Option("--category", help="Category of ids without a label.")] = "unknown",
    column: Annotated[str | None, typer.Option("--column", help="Column of the ids in Parquet. [input_ids]")] = None,
    seed: Seed = 42,
    workers: Workers = CORES,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Pack tokens into fixed-length rows: a dataset."""
    from pipelines.cli.show_stages import show_plan
    from pipelines.stages.pack import pack_stage

    console = Console(format)
    if tokenizer is not None:
        from pipelines.stages.pretokenized import pretokenized_stage

        labels = {"source": source, "language": language, "category": category}
        for flag, text in labels.items():
            try:
                labels[flag] = texts.language(text) if flag == "language" else texts.label(text)
            except ValueError as error:
                raise UsageError(f"--{flag} {text}: {error}") from None
        imported = out.with_name(f"{out.name}-tokens")
        stage = pretokenized_stage(imported, tokens, tokenizer, labels, column)
        if dry_run:
            run_and_show(stage, workers, restart, dry_run, console)
            return
        run_quietly(stage, workers, restart, console)
        tokens = [imported]
    if dry_run:
        show_plan(tokens, options, seed, console)
        return
    run_and_show(pack_stage(out, tokens, options, seed), workers, restart, dry_run, console)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, or of a training run.")],
    to: Annotated[
        Literal["megatron", "datatrove", "llmc", "nanogpt", "parquet", "hf", "gguf"],
        typer.Option("--to", help="Format: hf or gguf of a trained model, the others of a dataset."),
    ],
    out: Out,
    unique: Annotated[bool, typer.Option("--unique", help="Write each row once, without the schedule.")] = False,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", help="File name of the schedule in the dataset, or ./FILE. [schedule.json]"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="hf, gguf: dataset of the run. [the one beside the run]")
    ] = None,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write a dataset or a trained model for another program."""
    from pipelines.stages.export_model import MODEL_FORMATS, export_model

    console = Console(format)
    if to in MODEL_FORMATS:
        for flag, given in (("--unique", unique), ("--schedule", schedule), ("--restart", restart)):
            if given:
                raise UsageError(f"{flag} is for datasets, and --to {to} exports a model: remove {flag}")
        if not dry_run:
            export_model(folder, data, to, out)
        console.result({"folder": str(out), "to": to}, "nothing was written" if dry_run else str(out))
        return
    from pipelines.stages.export import export_stage

    if data is not None:
        raise UsageError(f"--data is for trained models, and --to {to} exports a dataset: remove --data")
    stage = export_stage(out, folder, to, unique=unique, schedule=schedule)
    run_and_show(stage, 1, restart, dry_run, console)


def health(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a training run.")],
    out: Out,
    data: Annotated[Path | None, typer.Option("--data", help="Dataset of the run. [the one beside the run]")] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Examine the weights of a trained model; writes a page."""
    from pipelines.health import write_health

    path = write_health(run, data, out)
    Console(format).result({"health": str(path)}, str(path))


@options_of(ScheduleOptions)
def mix(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    options: ScheduleOptions,
    seed: Seed = 42,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File of the schedule. [DATASET/schedule.json]")
    ] = None,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write another schedule of a dataset: new shares, same rows."""
    from pipelines.cli.show_stages import show_schedule
    from pipelines.stages.pack import refuse_used, write_schedule

    console = Console(format)
    path = dataset / SCHEDULE if out is None else out
    schedule = write_schedule(dataset, options, seed, None)
    if not dry_run:
        refuse_used(dataset, path, schedule)
        write_schedule(dataset, options, seed, path)
    show_schedule(schedule, console)
    console.result(schedule, "nothing was written" if dry_run else str(path))
