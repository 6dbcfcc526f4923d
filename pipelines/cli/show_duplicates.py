"""The output of `arcorp inspect` for a folder of documents: what a document was dropped for, and what for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.console import Console
from pipelines.errors import InputError, UsageError
from pipelines.stages.build_folder import DUPLICATES
from pipelines.texts import line
from sharding.seal import Sealed
from sharding.tables import read_table


def holds_duplicates(folder: Path) -> bool:
    """Return whether a folder is one that deduplication sealed. Raises Unsealed, Damaged."""
    return Sealed(folder).manifest.stage == "dedup"


def show_duplicates(folder: Path, document: str | None, console: Console) -> None:
    """Show the document that stays for a dropped document, or the documents that were dropped for one that stays.

    Raises UsageError without a document, InputError if the folder never held it, Damaged.
    """
    sealed = Sealed(folder, "dedup")
    if document is None:
        raise UsageError(f"{folder} holds documents, not rows: add --document ID")
    lines = list(_lines(sealed, document))
    if not lines and not _holds(sealed, document):
        raise InputError(
            f"{folder} has no document {document!r}, and none of this id was dropped as a duplicate; ids are "
            "<source>/<native id>"
        )
    rows = [
        (each["id"], each["source"], each["reason"], each["kept"], each["kept_part"], _rounded(each["similarity"]))
        for each in lines
    ]
    console.table(["dropped", "source", "reason", "stays", "in part", "similarity"], rows)
    if any(each["id"] == document for each in lines):
        outcome = f"was dropped as {'an' if lines[0]['reason'].startswith('e') else 'a'} {lines[0]['reason']}"
    else:
        outcome = f"stays; {len(lines)} {'document was' if len(lines) == 1 else 'documents were'} dropped for it"
    console.result({"document": document, "dropped": lines}, f"{line(document)}: {outcome}")


def _lines(sealed: Sealed, document: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of dropped documents that name a document."""
    import pyarrow.compute as pc

    from corpora.dedup import DROPPED

    for name in sealed.names(suffix=DUPLICATES):
        table = read_table(sealed.read(name), DROPPED.names)
        yield from table.filter(pc.or_(pc.equal(table["id"], document), pc.equal(table["kept"], document))).to_pylist()


def _holds(sealed: Sealed, document: str) -> bool:
    import pyarrow.compute as pc

    names = sealed.names(suffix=".parquet")
    return any(pc.index(read_table(sealed.read(name), ["id"])["id"], document).as_py() >= 0 for name in names)


def _rounded(similarity: float | None) -> str:
    return "" if similarity is None else f"{similarity:.2f}"
