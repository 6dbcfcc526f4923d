"""Corpora: documents, bytes, characters and words by source, language and reason; lengths; samples of documents.

The figures are those of the statistics in each folder of documents (census.json). The input is what was kept and what
was dropped. A line that never became a document has no language and no words: only the section on sources counts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from pipelines.html import (
    Figures,
    Markup,
    Section,
    count,
    folded,
    join,
    language,
    named,
    passage,
    plural,
    section,
    share,
    size,
    table,
    tag,
)
from pipelines.report.folders import DEDUPLICATION, READING, UNITS, Folders
from pipelines.report.lengths import length_figure
from pipelines.stages.build_folder import UNIQUE
from pipelines.stages.documents import STATISTICS
from sharding.options import ATTRIBUTES
from sharding.seal import Sealed

WORD_UNITS = (*UNITS, "words")

SHOWN_CHARS = 300
"""Characters of a sample on the page; report.json holds more."""


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return the statistics of all corpora; None where a folder holds none, as those sealed by earlier versions."""
    from corpora.document_statistics import merge

    unique = folders.get(UNIQUE)
    ingested = [_statistics(folder) for folder in folders.corpora.values()]
    unique_statistics = _statistics(unique) if unique else None
    if not ingested or None in ingested or (unique and unique_statistics is None):
        return None
    steps = {READING: merge(statistics for statistics in ingested if statistics)}
    if unique_statistics:
        steps[DEDUPLICATION] = unique_statistics
    *_, last_step = steps
    last = steps[last_step]
    kinds: dict[tuple[str, ...], dict[str, Any]] = {}
    for step, statistics in steps.items():
        for group in statistics["groups"]:
            kind = kinds.setdefault(_kind(group), {"in": _zeros(), "kept": _zeros(), "dropped": []})
            if step == READING:
                _add(kind["in"], group)
            if group["reason"]:
                kind["dropped"].append(
                    {"at": step, "reason": group["reason"], **{unit: group[unit] for unit in WORD_UNITS}}
                )
            elif step == last_step:
                _add(kind["kept"], group)
    dropped = merge(_samples_only("dropped", statistics) for statistics in steps.values())
    return {
        "kinds": [dict(zip(ATTRIBUTES, key, strict=True)) | kinds[key] for key in sorted(kinds)],
        "lengths": _lengths(group for group in last["groups"] if not group["reason"]),
        "samples": merge([_samples_only("kept", last), dropped])["samples"],
        "evaluation": unique.manifest.summary.get("evaluation", []) if unique else [],
    }


def _statistics(folder: Sealed) -> dict[str, Any] | None:
    if STATISTICS not in folder.manifest.files:
        return None
    statistics: dict[str, Any] = folder.read_json(STATISTICS)
    return statistics


def _kind(group: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(group[label] for label in ATTRIBUTES)


def _zeros() -> dict[str, int]:
    return dict.fromkeys(WORD_UNITS, 0)


def _add(total: dict[str, int], group: Mapping[str, Any]) -> None:
    for unit in WORD_UNITS:
        total[unit] += group[unit]


def _samples_only(kind: str, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Return statistics that hold the "kept" or the "dropped" samples and nothing else."""
    samples = {source: {kind: kinds[kind]} for source, kinds in statistics["samples"].items() if kind in kinds}
    return {"groups": [], "samples": samples}


def _lengths(groups: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Count documents by language and length: `counts[k]` have 2^k to 2^(k+1) - 1 characters."""
    lengths: dict[str, list[int]] = {}
    for group in groups:
        pairs = zip_longest(lengths.get(group["language"], []), group["lengths"], fillvalue=0)
        lengths[group["language"]] = [total + number for total, number in pairs]
    return dict(sorted(lengths.items()))


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on corpora."""
    kinds = figures["kinds"]
    words, kept = (sum(kind[key]["words"] for kind in kinds) for key in ("in", "kept"))
    return [
        section(
            "corpora",
            "Corpora",
            f"{count(kept)} of {count(words)} words were kept. Words are separated by white space. Lines that could "
            "not be read as a document have no words; the section on sources counts them.",
            _in_and_kept(kinds),
            _reasons(kinds),
            _evaluation(figures["evaluation"]),
            _length_chart(figures["lengths"]),
            _samples(figures["samples"]),
        )
    ]


def _in_and_kept(kinds: Sequence[Figures]) -> Markup:
    rows = []
    for kind in kinds:
        numbers = [
            (size if unit == "bytes" else count)(kind[key][unit]) for unit in WORD_UNITS for key in ("in", "kept")
        ]
        ratio = kind["kept"]["words"] / kind["in"]["words"] if kind["in"]["words"] else None
        rows.append((kind["source"], named(kind["language"]), kind["category"], *numbers, share(ratio)))
    units = [f"#{unit} {key}" for unit in WORD_UNITS for key in ("in", "kept")]
    return table([*ATTRIBUTES, *units, "#of words"], rows)


def _reasons(kinds: Sequence[Figures]) -> Markup | None:
    rows = [
        (
            kind["source"],
            named(kind["language"]),
            dropped["at"],
            dropped["reason"],
            count(dropped["documents"]),
            size(dropped["bytes"]),
            count(dropped["chars"]),
            count(dropped["words"]),
            share(dropped["words"] / kind["in"]["words"] if kind["in"]["words"] else None),
        )
        for kind in kinds
        for dropped in sorted(kind["dropped"], key=lambda dropped: (-dropped["documents"], dropped["reason"]))
    ]
    columns = ["source", "language", "at", "reason", *(f"#{unit}" for unit in WORD_UNITS), "#of words"]
    return join([tag("h3", "Dropped documents, by reason"), table(columns, rows)]) if rows else None


def _evaluation(sets: Sequence[Figures]) -> Markup | None:
    if not sets:
        return None
    rows = [(each["name"], count(each["records"]), count(each["short"]), count(each["ngrams"])) for each in sets]
    return join(
        [
            tag("h3", "Evaluation sets that documents were compared with"),
            table(["set", "#records", "#too short to compare", "#n-grams"], rows),
        ]
    )


def _length_chart(lengths: Mapping[str, Sequence[int]]) -> Markup | None:
    if not lengths:
        return None
    names = {language(label): counts for label, counts in lengths.items()}
    return length_figure("Length of kept documents", "language", "characters", names)


def _samples(samples: Mapping[str, Mapping[str, Sequence[Figures]]]) -> Markup | None:
    blocks = [
        folded(f"{source}: {plural(len(documents), 'document')} {kind}", *map(_sample, documents))
        for source, kinds in samples.items()
        for kind, documents in sorted(kinds.items(), reverse=True)
    ]
    return join([tag("h3", "Random documents of each source"), tag("div", *blocks, class_="list")]) if blocks else None


def _sample(document: Figures) -> Markup:
    facts = [
        document["id"],
        language(document["language"]),
        plural(document["chars"], "character"),
        document["reason"],
    ]
    text = document["text"][:SHOWN_CHARS] + ("…" if document["chars"] > SHOWN_CHARS else "")
    return join([tag("p", " · ".join(filter(None, facts)), class_="soft"), passage([text], document["language"])])
