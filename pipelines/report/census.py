"""The figures of the corpora: documents, bytes, characters and words by source, language and reason; lengths; samples.

From the census beside the seal of each folder of documents (`corpora.document_statistics`). What came in is what was
kept and what was dropped: lines that never became a document have no language and no words, and are in the ledgers
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from corpora.document_statistics import LABELS, UNITS, merge
from pipelines.report.folders import Folders
from pipelines.stages.documents import CENSUS
from sharding.seal import Sealed


def census_of(folders: Folders) -> dict[str, Any] | None:
    """None where a folder of documents holds no census, as those sealed by earlier versions."""
    unique = folders.get("unique")
    ingested = [_census(folder) for folder in folders.corpora.values()]
    later = _census(unique) if unique else None
    if not ingested or None in ingested or (unique and later is None):
        return None
    read = merge(one for one in ingested if one)
    last = later or read
    kinds: dict[tuple[str, ...], dict[str, Any]] = {}
    for stage, census in (("reading", read), *([("deduplication", later)] if later else [])):
        for group in census["groups"]:
            kind = kinds.setdefault(_kind(group), {"in": _nothing(), "kept": _nothing(), "dropped": []})
            if stage == "reading":
                _add(kind["in"], group)
            if group["reason"]:
                kind["dropped"].append({"at": stage, "reason": group["reason"], **{u: group[u] for u in UNITS}})
            elif census is last:
                _add(kind["kept"], group)
    dropped = merge({"groups": [], "samples": _only("dropped", one)} for one in (read, later) if one)
    samples = merge([{"groups": [], "samples": _only("kept", last)}, dropped])["samples"]
    return {
        "kinds": [dict(zip(LABELS, key, strict=True)) | kinds[key] for key in sorted(kinds)],
        "lengths": _lengths(group for group in last["groups"] if not group["reason"]),
        "samples": samples,
        "evaluation": unique.manifest.summary.get("evaluation", []) if unique else [],
    }


def _census(folder: Sealed | None) -> dict[str, Any] | None:
    if folder is None or CENSUS not in folder.manifest.files:
        return None
    found: dict[str, Any] = folder.read_json(CENSUS)
    return found


def _kind(group: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(group[name] for name in LABELS)


def _nothing() -> dict[str, int]:
    return dict.fromkeys(UNITS, 0)


def _add(into: dict[str, int], group: Mapping[str, Any]) -> None:
    for unit in UNITS:
        into[unit] += group[unit]


def _only(kind: str, census: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {source: {kind: kinds[kind]} for source, kinds in census["samples"].items() if kind in kinds}


def _lengths(groups: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Kept documents by length in characters, in octaves, for each language."""
    found: dict[str, list[int]] = {}
    for group in groups:
        pairs = zip_longest(found.get(group["language"], []), group["lengths"], fillvalue=0)
        found[group["language"]] = [one + other for one, other in pairs]
    return dict(sorted(found.items()))
