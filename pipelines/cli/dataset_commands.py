"""The commands that read one sealed folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.flags import CORES, Debug, Form, Workers
from pipelines.console import Console, Format
from sharding.options import Level, Split


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Sealed folder, or folder of a build.")],
    level: Annotated[
        Level,
        typer.Option("--level", help="quick: sizes and seals; full: every byte; deep: the content of rows too."),
    ] = "full",
    order: Annotated[int | None, typer.Option("--order", help="Recompute the order hash with this seed.")] = None,
    steps: Annotated[str, typer.Option("--steps", metavar="A:B", help="Steps to recompute, B excluded.")] = "0:1",
    workers: Workers = CORES,
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Verify a folder against its seal, and name each fault."""
    from pipelines.cli.show_stages import verify_folder, verify_order

    if order is None:
        verify_folder(folder, level, workers, Console(format))
    else:
        verify_order(folder, order, steps, Console(format))


def inspect(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, of a build, or of dedup.")],
    row: Annotated[int | None, typer.Option("--row", min=0, help="Row to show. [0]")] = None,
    document: Annotated[str | None, typer.Option("--document", help="Id of a document to show.")] = None,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents: id, split, tokens.")] = False,
    split: Annotated[Split, typer.Option("--split", help="Split of the row.")] = "train",
    format: Form = Format.human,
    debug: Debug = False,
) -> None:
    """Show a row, the rows of a document, or its duplicates."""
    from pipelines.cli.show import dataset_in, list_documents, show_document, show_row
    from pipelines.cli.show_duplicates import holds_duplicates, show_duplicates

    dataset = dataset_in(folder)
    if holds_duplicates(dataset):
        show_duplicates(dataset, document, Console(format))
    elif documents:
        list_documents(dataset, Console(format))
    elif document is not None:
        show_document(dataset, document, Console(format))
    else:
        show_row(dataset, split, row or 0, Console(format))
