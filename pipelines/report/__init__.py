"""Reports: what was built, on one page that opens from disk. `report.html` for people, `report.json` for programs.

The dataset gets its card with it: README.md, as the Hugging Face Hub reads it (`pipelines.publish.card`).

    folders      what lies in a build's folder, and what a report of it is made from
    figures      folder -> plain data: sources, shares, packing, provenance
    fit          how the tokenizer fits a bounded sample of the documents
    training     the run's curves, validation and samples
    page         plain data -> HTML, with `sections`, `charts` (inline SVG) and `markup` (escapes everything)

A report is not sealed, since throughput differs from run to run; everything else in it is a function of the folders.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.report.folders import made_from
from sharding import seal

PAGE = "report.html"
FIGURES = "report.json"


def report_is_current(folder: Path) -> bool:
    """Whether the report in a build's folder is of what lies there now. Reads manifests, and little else.

    Raises Damaged for a manifest that can't be read, Incomplete for a folder without anything sealed.
    """
    try:
        known = json.loads((folder / FIGURES).read_bytes())
        page = seal.hash_file(folder / PAGE).sha256
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(known, dict) and known.get("made_from") == made_from(folder) and known.get("page") == page


def write_report(folder: Path) -> Path:
    """Write the report of a build, complete or not, and its dataset's card; return the page's path.

    Raises UsageError where there is no such folder, Incomplete where nothing is sealed yet, SealError for damage.
    """
    from pipelines.publish.card import write_card
    from pipelines.report.figures import gather
    from pipelines.report.page import render

    _refuse_foreign(folder)
    figures = gather(folder)
    if "packing" in figures:  # the dataset's card lies beside its seal
        write_card(folder / "dataset", figures["name"] or "dataset")
    page = render(figures).encode()  # the figures first: they show that both files are a report's
    seal.write_json(folder / FIGURES, {**figures, "page": hashlib.sha256(page).hexdigest()})
    with seal.atomic_file(folder / PAGE) as file:
        file.write(page)
    return folder / PAGE


def _refuse_foreign(folder: Path) -> None:
    """Raise UsageError if one of the two files is there and is not a report's."""
    try:
        before = seal.parsed((folder / FIGURES).read_bytes())
    except (OSError, ValueError):
        before = None
    ours = isinstance(before, dict) and before.keys() >= {"made_from", "page"}
    there = next((name for name in (PAGE, FIGURES) if os.path.lexists(folder / name)), None)
    if there and not ours:
        raise UsageError(f"{folder / there} is no report of arcorp: move it away")
