"""The report of a build: one page that opens from disk (report.html), and its figures for programs (report.json).

    folders     the sealed folders of a build, and digests of what a report is made from
    sections    the list of sections; each is one file with its figures (`gather`) and its part of the page (`render`)
    figures     a build's folder -> figures of all sections, as plain data
    page        figures -> HTML
    comparison  figures of two builds -> HTML (comparison.html)

A report is not sealed, since throughput differs from run to run. All other figures are a function of the folders.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.html import Figures
from pipelines.report.comparison import write_comparison
from pipelines.report.figures import gather
from pipelines.report.folders import made_from
from pipelines.report.page import render
from sharding import seal

__all__ = [
    "FIGURES",
    "PAGE",
    "gather",
    "refuse_foreign",
    "render",
    "report_is_current",
    "write_comparison",
    "write_report",
]

PAGE = "report.html"
FIGURES = "report.json"


def report_is_current(folder: Path) -> bool:
    """Return whether the report in a build's folder is that of the folder's current state. Reads manifests only.

    Raises Damaged for a manifest that cannot be read, Incomplete for a folder that holds nothing sealed.
    """
    try:
        figures = seal.parsed((folder / FIGURES).read_bytes())
        page = seal.hash_file(folder / PAGE).sha256
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(figures, dict) and figures.get("made_from") == made_from(folder) and figures.get("page") == page


def write_report(folder: Path, figures: Figures) -> Path:
    """Write a build's figures, those of `gather`, and their page into the build's folder; return the page's path.

    Raises UsageError if a file of another program has the name of one of the two.
    """
    refuse_foreign(folder)
    page = render(figures).encode()  # the figures are written first: they show that both files are a report's
    seal.write_json(folder / FIGURES, {**figures, "page": hashlib.sha256(page).hexdigest()})
    with seal.atomic_file(folder / PAGE) as file:
        file.write(page)
    return folder / PAGE


def refuse_foreign(folder: Path) -> None:
    """Raise UsageError if a report would replace files of which none shows that a report wrote it."""
    try:
        before = seal.parsed((folder / FIGURES).read_bytes())
    except (OSError, ValueError):
        before = None
    ours = isinstance(before, dict) and before.keys() >= {"made_from", "page"}
    with contextlib.suppress(OSError), (folder / PAGE).open("rb") as page:
        ours = ours or b'<meta name="made-from"' in page.read(4096)
    foreign = next((name for name in (PAGE, FIGURES) if os.path.lexists(folder / name)), None)
    if foreign and not ours:
        raise UsageError(f"{folder / foreign} is no report of arcorp: move it away")
