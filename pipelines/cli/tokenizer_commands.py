"""The commands on tokenizers. Those that return a stage are run by `flags.runs_stage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.flags import Debug, Docs, Form, Out, Seed, options_of, runs_stage
from pipelines.console import Console, Format
from pipelines.errors import UsageError
from pipelines.recipe import TokenizerOptions
from pipelines.run import Stage
from tokenization.options import ExportKind, SegmenterName

AnyTokenizer = Annotated[
    str,
    typer.Argument(
        metavar="TOKENIZER",
        help="Tokenizer folder, tokenizer.json, .model or .tiktoken file, folder of vocab.json and merges.txt, or "
        "name of an encoding of tiktoken.",
    ),
]


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
    bos: Annotated[str | None, typer.Option("--bos", help="Special token that begins documents. [its own]")] = None,
    eos: Annotated[str | None, typer.Option("--eos", help="Special token that ends documents. [its own]")] = None,
    pad: Annotated[str | None, typer.Option("--pad", help="Special token of padding. [its own]")] = None,
) -> Stage:
    """Import a tokenizer of another program, for `tokenize`."""
    from pipelines.stages.tokenizer_files import import_stage

    roles = {role: name for role, name in (("bos", bos), ("eos", eos), ("pad", pad)) if name is not None}
    return import_stage(out, tokenizer, roles)


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


def segment(
    text: Annotated[
        str | None, typer.Argument(metavar="FILE|TEXT", help="Plain text file in UTF-8, or a text.")
    ] = None,
    segmenter: Annotated[
        SegmenterName, typer.Option("--segmenter", help="Segmenter that finds the morpheme boundaries.")
    ] = "learned",
    database: Annotated[
        str | None, typer.Option("--database", help="camel: name or path of a database. [calima-msa-r13]")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option("--gold", help="TSV to score against: word, tab, its segments joined by '+'.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Split Arabic words into morphemes, and score a segmenter."""
    from pipelines.cli.segmentation import show_segmentation
    from pipelines.cli.show import text_of

    show_segmentation(text_of(text), segmenter, database, gold, Console(format))


def show_tokenizer(
    tokenizer: AnyTokenizer,
    text: Annotated[
        str | None, typer.Argument(metavar="FILE|TEXT", help="Text to encode, or a plain text file in UTF-8.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show the facts of a tokenizer, or the tokens of a text."""
    from pipelines.cli.show import show_tokenizer as show
    from pipelines.cli.show import text_of

    show(tokenizer, text_of(text), Console(format))


def fertility(
    tokenizers: Annotated[
        list[str],
        typer.Argument(
            metavar="TOKENIZER...",
            help="Tokenizer folders, tokenizer.json, .model or .tiktoken files, folders of vocab.json and merges.txt, "
            "names of tiktoken's encodings. The others are compared with the first.",
        ),
    ],
    docs: Annotated[list[Path], typer.Option("--docs", help="Folder of documents; repeatable.")],
    out: Out,
    gold: Annotated[
        Path | None,
        typer.Option("--gold", help="TSV of words: word<TAB>mor+pheme. [the learned segmenter]"),
    ] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="8k,16k,...", help="Vocabulary sizes to train for the cost curve.")
    ] = None,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Compare tokenizers on documents: figures, plots, sentences."""
    from pipelines.fertility import PAGE, show_tables, write_fertility

    console = Console(format)
    with console:
        figures = write_fertility(tokenizers, docs, out, gold, _sizes(sizes))
    show_tables(figures, console)
    console.result(figures, str(out / PAGE))


def _sizes(text: str | None) -> list[int]:
    """Return sizes from text: 16k is 16,384, 16000 is 16,000. Raises UsageError."""
    words = text.replace(" ", "").lower().split(",") if text else []
    try:
        return [int(word[:-1]) * 1024 if word.endswith("k") else int(word) for word in words]
    except ValueError:
        raise UsageError(f"--sizes {text}: write them as 8k,16k,32k or 8000,76800") from None
