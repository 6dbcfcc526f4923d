"""The sections of the report, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.html import Section
from pipelines.report import (
    corpora,
    document_map,
    duplicates,
    evaluation,
    mixing,
    packing,
    provenance,
    rows,
    runs,
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
    "map": (document_map.gather, document_map.render),
    "duplicates": (duplicates.gather, duplicates.render),
    "shares": (mixing.gather, mixing.render),
    "tokenizer": (tokenizer.gather, tokenizer.render),
    "packing": (packing.gather, packing.render),
    "rows": (rows.gather, rows.render),
    "training": (training.gather, training.render),
    "runs": (runs.gather, runs.render),
    "evaluation": (evaluation.gather, evaluation.render),
    "provenance": (provenance.gather, provenance.render),
}
"""By the key of their figures in report.json."""
