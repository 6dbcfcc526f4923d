"""The commands of single stages: each returns a stage, which `flags.runs_stage` runs.

They are the stages of a build, with the same options and the same output, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from sharding.exports import ExportFormat
from tokenization.options import ExportKind

Docs = Annotated[list[Path], typer.Argument(help="Folders of documents, in decreasing order of trust.")]

AnyTokenizer = Annotated[
    str,
    typer.Argument(
        metavar="TOKENIZER",
        help="Tokenizer folder, tokenizer.json or .tiktoken file, folder of vocab.json and merges.txt, or name of "
        "an encoding of tiktoken.",
    ),
]


def add_stages(app: typer.Typer, tokenizer: typer.Typer) -> None:
    """Add the commands to the two groups, in the order of the stages."""
    for command in (ingest, dedup, tokenize, pack, export):
        app.command()(command)
    tokenizer.command("train")(train_tokenizer)
    tokenizer.command("import")(import_tokenizer)
    tokenizer.command("export")(export_tokenizer)


@runs_stage
@options_of(IngestOptions)
def ingest(
    source: Annotated[str, typer.Argument(help="Name of the source; `arcorp sources` lists them.")],
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
    """Import a tokenizer of another program, for `tokenize`."""
    from pipelines.stages.tokenizer_files import import_stage

    return import_stage(out, tokenizer)


@runs_stage
def export_tokenizer(
    tokenizer: AnyTokenizer,
    to: Annotated[
        ExportKind,
        typer.Option("--to", help="hf: for transformers; tiktoken: ranks, pattern; arrays: bytes and chars per id."),
    ],
    out: Out,
) -> Stage:
    """Write a tokenizer in the format of another library."""
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
                label(text)
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
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    to: Annotated[
        ExportFormat,
        typer.Option("--to", help="Format, described in docs/dataset-format.md."),
    ],
    out: Out,
    unique: Annotated[bool, typer.Option("--unique", help="Write each row once, without the schedule.")] = False,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="File name of the schedule in the dataset. [schedule.json]")
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
