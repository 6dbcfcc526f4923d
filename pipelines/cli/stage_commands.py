"""The commands of single stages: each says which stage its words mean; `flags.runs_stage` runs it.

They are the stages of a build, with the same options: the same folders come out, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.flags import (
    CORES,
    Debug,
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
from pipelines.recipe import DedupOptions, IngestOptions, PackOptions, TokenizerOptions
from pipelines.run import Stage
from pipelines.texts import label

Docs = Annotated[list[Path], typer.Argument(help="Folders of documents, the most trusted first.")]

AnyTokenizer = Annotated[
    str,
    typer.Argument(
        metavar="TOKENIZER",
        help="A tokenizer folder, tokenizer.json or .tiktoken file, a folder of vocab.json and merges.txt, or the "
        "name of an encoding of tiktoken.",
    ),
]


def add_stages(app: typer.Typer, tokenizer: typer.Typer) -> None:
    """Add the commands, in the order of the stages."""
    for command in (ingest, dedup, tokenize, pack, export):
        app.command()(command)
    tokenizer.command("train")(train_tokenizer)
    tokenizer.command("import")(import_tokenizer)
    tokenizer.command("export")(export_tokenizer)


@runs_stage
@options_of(IngestOptions)
def ingest(
    source: Annotated[str, typer.Argument(help="Name of the reader; `arcorp sources` lists them.")],
    input: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files, folders or globs.")],
    options: IngestOptions,
    out: Out,
) -> Stage:
    """Read, clean and filter one source into documents."""
    from pipelines.stages.ingest import ingest_stage

    return ingest_stage(out, source, input, options)


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
@options_of(TokenizerOptions)
def train_tokenizer(
    docs: Docs,
    options: TokenizerOptions,
    out: Out,
    seed: Seed = 42,
) -> Stage:
    """Train a tokenizer on a sample of documents."""
    from pipelines.stages.tokenizer import tokenizer_stage

    return tokenizer_stage(out, docs, options, seed)


@runs_stage
def import_tokenizer(
    tokenizer: AnyTokenizer,
    out: Out,
) -> Stage:
    """Take in a tokenizer that was made elsewhere, for `tokenize`."""
    from pipelines.stages.tokenizer_files import import_stage

    return import_stage(out, tokenizer)


@runs_stage
def export_tokenizer(
    tokenizer: AnyTokenizer,
    to: Annotated[
        Literal["hf", "tiktoken", "arrays"],
        typer.Option("--to", help="hf: for transformers; tiktoken: ranks, pattern; arrays: bytes and chars per id."),
    ],
    out: Out,
) -> Stage:
    """Write a tokenizer's files for one kind of reader."""
    from pipelines.stages.tokenizer_files import export_stage

    return export_stage(out, tokenizer, to)


@runs_stage
def tokenize(
    docs: Docs,
    tokenizer: Annotated[Path, typer.Option("--tokenizer", help="Folder of the tokenizer.")],
    out: Out,
) -> Stage:
    """Encode documents into tokens."""
    from pipelines.stages.tokenize import tokenize_stage

    return tokenize_stage(out, docs, tokenizer)


@options_of(PackOptions)
def pack(
    tokens: Annotated[list[Path], typer.Argument(help="Folders of tokens; with --tokenizer, files of ids.")],
    options: PackOptions,
    out: Out,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            "--tokenizer", help="What ids in .parquet, .npy or .bin were made with; OUT-tokens is made of them."
        ),
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Source of ids that don't say.")] = "pretokenized",
    language: Annotated[str, typer.Option("--language", help="Language of ids that don't say.")] = "und",
    category: Annotated[str, typer.Option("--category", help="Category of ids that don't say.")] = "unknown",
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
        for flag, given in labels.items():
            try:
                label(given)
            except ValueError as error:
                raise UsageError(f"--{flag} {given}: {error}") from None
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
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    to: Annotated[
        Literal["megatron", "datatrove", "llmc", "nanogpt", "parquet"],
        typer.Option("--to", help="Format; docs/dataset-format.md tells what each holds."),
    ],
    out: Out,
    unique: Annotated[bool, typer.Option("--unique", help="Each row once, instead of as scheduled.")] = False,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="Name of the schedule in the dataset. [schedule.json]")
    ] = None,
    restart: Restart = False,
    dry_run: DryRun = False,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Write a dataset's rows in another trainer's format."""
    from pipelines.stages.export import export_stage

    stage = export_stage(out, dataset, to, unique=unique, schedule=schedule)
    run_and_show(stage, 1, restart, dry_run, Console(format))
