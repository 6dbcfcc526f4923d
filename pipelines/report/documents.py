"""Documents to look at: random ones that were kept, with their rows, and some that were dropped for each reason.

The page's script searches and filters them. Tables of reasons link to the documents that were dropped for a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from pipelines.html import (
    Content,
    Markup,
    Section,
    count,
    folded,
    join,
    language,
    passage,
    plural,
    section,
    tag,
)
from pipelines.report.folders import Folders
from pipelines.report.rows import pieces_of, row_title, view_rows
from pipelines.stages.build_folder import DATASET

Samples = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""By source and "kept" or "dropped": id, language, reason, chars, text, and `rows` of a document in the dataset."""

SHOWN_CHARS = 300
"""Characters of a sample on the page; report.json holds more."""
SHOWN_ROWS = 24
"""Rows that are shown beside a document."""
LISTED_ROWS = 6
"""Rows of a document that are named."""
SEARCHED_BYTES = 256_000_000
"""The largest segment files in which the rows of documents are looked up; `arcorp inspect` searches larger ones."""


def add_rows(folders: Folders, samples: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """Add to each kept document its places in the dataset, and to the first of each source a row with its pieces."""
    dataset = folders.get(DATASET)
    if dataset is None:
        return
    segment_files = dataset.names(prefix="shards/", suffix=".seg")
    if sum(dataset.manifest.files[name].bytes for name in segment_files) > SEARCHED_BYTES:
        return
    from sharding.checking import document_views

    kept = [document for kinds in samples.values() for document in kinds.get("kept", [])]
    views = document_views(dataset.path, [document["id"] for document in kept])
    for document in kept:
        if document["id"] in views:
            places = views[document["id"]].places
            document["rows"] = [[split, row] for split, row in dict.fromkeys((p.split, p.row) for p in places)]
    first = [
        document
        for kinds in samples.values()
        for document in [document for document in kinds.get("kept", []) if document.get("rows")][:1]
    ][:SHOWN_ROWS]
    for document, view in zip(first, view_rows(dataset, [document["rows"][0] for document in first]), strict=True):
        document["row"] = view


# -- the page ---------------------------------------------------------------------------------------------


def reason_link(source: str, reason: str, samples: Samples) -> Content:
    """Return a reason as a link to the documents that a source dropped for it; as text if there is no sample."""
    if not any(document["reason"] == reason for document in samples.get(source, {}).get("dropped", [])):
        return reason
    return tag("a", reason, href=f"#{_anchor(source, reason)}", data_source=source, data_reason=reason)


def render_samples(samples: Samples) -> Section | None:
    """Return the section of documents; None without samples."""
    blocks = [
        folded(
            f"{source}: {plural(len(documents), 'document')} {f'dropped, {reason}' if reason else 'kept'}",
            tag("div", *[_sample(source, document) for document in documents], id=_anchor(source, reason)),
        )
        for source, kinds in samples.items()
        for reason, documents in _by_reason(kinds).items()
    ]
    if not blocks:
        return None
    lead = (
        "Random documents of each source that were kept, and some of those that were dropped for each reason. "
        "The beginning of each is shown."
    )
    return section(
        "documents", "Documents to look at", lead, tag("div", *blocks, class_="list samples"), name="Documents"
    )


def _by_reason(kinds: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return documents by the reason why they were dropped; those that were kept have the reason "" and are first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for kind in ("kept", "dropped"):
        for document in kinds.get(kind, []):
            groups.setdefault(document["reason"], []).append(document)
    return groups


def document_anchor(id: str) -> str:
    """Return the anchor of a kept sample document."""
    return f"document-{crc32(id.encode(errors='surrogatepass')):08x}"


def _anchor(source: str, reason: str) -> str:
    return f"sample-{crc32(f'{source} {reason}'.encode(errors='surrogatepass')):08x}"


def _sample(source: str, document: Mapping[str, Any]) -> Markup:
    facts = [language(document["language"]), plural(document["chars"], "character"), document["reason"]]
    text = document["text"][:SHOWN_CHARS] + ("…" if document["chars"] > SHOWN_CHARS else "")
    return tag(
        "article",
        tag("p", tag("code", document["id"]), " · ", " · ".join(filter(None, facts)), class_="small"),
        passage([text], document["language"]),
        _rows(document),
        id=None if document["reason"] else document_anchor(document["id"]),
        class_="sample",
        data_source=source,
        data_language=document["language"],
        data_language_name=language(document["language"]),
        data_reason=document["reason"],
    )


def _rows(document: Mapping[str, Any]) -> Markup | None:
    rows = document.get("rows")
    if rows is None:
        return None
    if not rows:
        return tag("p", "In no row: too few tokens were left to fill one.", class_="small")
    names = [f"{split} {count(row)}" for split, row in rows[:LISTED_ROWS]]
    more = f" and {plural(len(rows) - LISTED_ROWS, 'more row')}" if len(rows) > LISTED_ROWS else ""
    listed = f"{'Rows' if len(rows) > 1 else 'Row'}: {', '.join(names)}{more}."
    view = document.get("row")
    shown = folded(f"{view['split']} {row_title(view)}", pieces_of(view)) if view else None
    return join([tag("p", listed, class_="small"), shown])
