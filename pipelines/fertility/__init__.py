"""`arcorp fertility`: any number of tokenizers side by side on the same documents.

    texts        which texts: a bounded sample of folders of documents, by folder, source, language and category
    figures      tokenizers and texts -> plain data
    tables       the same in a terminal, in eighty columns
    page         the same as HTML, with plots, and sentences cut into tokens

The formulas are in `tokenization.evaluation.fertility`, `tally`, `inventory`, `alignment` and `curve`. What is written
is not sealed, since speed differs from run to run; everything else is a function of the documents and the tokenizers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from sharding import seal

PAGE, FIGURES = "fertility.html", "fertility.json"


def write_fertility(
    tokenizers: Sequence[str], docs: Sequence[Path], out: Path, gold: Path | None, sizes: Sequence[int]
) -> dict[str, Any]:
    """Measure, write page and figures into `out`, and return the figures.

    Raises UsageError for documents or an `out` that can't be used, and what opening a tokenizer or the gold raises.
    """
    from pipelines.fertility.figures import gather
    from pipelines.fertility.page import render

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
