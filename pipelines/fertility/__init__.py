"""`arcorp fertility`: any number of tokenizers side by side on the same documents.

    texts         the documents: a bounded sample, by folder, source, language and category
    figures       tokenizers and texts -> figures, as plain data
    tables        figures -> tables for a terminal of eighty columns
    page          figures -> HTML, with the sections of `comparing` and `vocabularies`

The formulas are in `tokenization.evaluation`. The files are not sealed, since speed differs from run to run. All other
figures are a function of the documents and the tokenizers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.fertility.figures import gather, labels
from pipelines.fertility.page import render
from pipelines.fertility.tables import show_tables
from pipelines.fertility.texts import TextGroup, read_texts, without_tashkeel
from sharding import seal

__all__ = [
    "FIGURES",
    "PAGE",
    "TextGroup",
    "gather",
    "labels",
    "read_texts",
    "render",
    "show_tables",
    "without_tashkeel",
    "write_fertility",
]

PAGE, FIGURES = "fertility.html", "fertility.json"


def write_fertility(
    tokenizers: Sequence[str], docs: Sequence[Path], out: Path, gold: Path | None, sizes: Sequence[int]
) -> dict[str, Any]:
    """Measure tokenizers, write the page and the figures into `out`, and return the figures.

    tokenizers: names or paths, as `open_tokenizer` takes them; the first is the reference. docs: folders of documents.
    gold: a file of words and their morphemes, or None for the learned segmenter. sizes: vocabulary sizes of the curve.
    Raises UsageError for documents or an `out` that cannot be used, and the errors of opening a tokenizer or the gold.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} can't be written ({error.strerror}): choose another --out") from None
    try:
        before = seal.parsed((out / FIGURES).read_bytes())
    except (OSError, ValueError):
        before = None
    ours = isinstance(before, dict) and before.keys() >= {"format", "reference", "tokenizers"}
    there = next((name for name in (PAGE, FIGURES) if os.path.lexists(out / name)), None)
    if there and not ours:
        raise UsageError(f"{out / there} is not one that arcorp wrote: choose another --out")
    figures = gather(tokenizers, docs, gold, sizes)
    seal.write_json(out / FIGURES, figures)
    with seal.atomic_file(out / PAGE) as file:
        file.write(render(figures).encode())
    return figures
