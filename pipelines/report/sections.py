"""The sections of the report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.html import Section
from pipelines.report import (
    corpora,
    duplicates,
    mixing,
    packing,
    provenance,
    rows,
    sources,
    tokenizer,
    training,
)
from pipelines.report.folders import Folders

Gather = Callable[[Folders], Any]
"""Return the figures of a section as plain data; None where its stage has not run."""
Render = Callable[[Any], list[Section]]
"""Return the sections of the page that show these figures; none where there is nothing to show."""

SECTIONS: dict[str, tuple[Gather, Render]] = {
    "sources": (sources.gather, sources.render),
    "corpora": (corpora.gather, corpora.render),
    "duplicates": (duplicates.gather, duplicates.render),
    "shares": (mixing.gather, mixing.render),
    "tokenizer": (tokenizer.gather, tokenizer.render),
    "packing": (packing.gather, packing.render),
    "rows": (rows.gather, rows.render),
    "training": (training.gather, training.render),
    "provenance": (provenance.gather, provenance.render),
}
"""By the key of their figures in report.json."""
