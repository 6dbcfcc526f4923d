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
    join,
    language,
    language_colours,
    named,
    of_all,
    section,
    share,
    size,
    table,
    tag,
)
from pipelines.report.documents import Samples, add_rows, reason_link, render_samples
from pipelines.report.folders import DEDUPLICATION, READING, TRANSLATION, UNITS, Folders
from pipelines.report.lengths import length_figure
from pipelines.stages.build_folder import UNIQUE
from pipelines.stages.documents import STATISTICS
from sharding.options import ATTRIBUTES
from sharding.seal import Sealed

WORD_UNITS = (*UNITS, "words")


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return the statistics of all corpora; None where a folder holds none, as those sealed by earlier versions."""
    from corpora.document_statistics import merge

    unique = folders.get(UNIQUE)
    by_step = {
        READING: [_statistics(folder) for folder in folders.corpora.values()],
        TRANSLATION: [_statistics(folder) for folder in folders.translations.values()],
        DEDUPLICATION: [_statistics(unique)] if unique else [],
    }
    if not by_step[READING] or any(None in each for each in by_step.values()):
        return None
    steps = {step: merge(filter(None, each)) for step, each in by_step.items() if each}
    last = merge(filter(None, map(_statistics, folders.documents)))
    kinds: dict[tuple[str, ...], dict[str, Any]] = {}

    def kind_of(group: Mapping[str, Any]) -> dict[str, Any]:
        return kinds.setdefault(_kind(group), {"in": _zeros(), "kept": _zeros(), "dropped": []})

    for step, statistics in steps.items():
        for group in statistics["groups"]:
            if step == READING:
                _add(kind_of(group)["in"], group)
            if group["reason"]:
                kind_of(group)["dropped"].append(
                    {"at": step, "reason": group["reason"], **{unit: group[unit] for unit in WORD_UNITS}}
                )
    for group in last["groups"]:
        if not group["reason"]:
            _add(kind_of(group)["kept"], group)
    dropped = merge(_samples_only("dropped", statistics) for statistics in steps.values())
    samples = merge([_samples_only("kept", last), dropped])["samples"]
    add_rows(folders, samples)
    return {
        "kinds": [dict(zip(ATTRIBUTES, key, strict=True)) | kinds[key] for key in sorted(kinds)],
        "lengths": _lengths(group for group in last["groups"] if not group["reason"]),
        "samples": samples,
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
    """Return the sections on corpora and on their documents."""
    kinds = figures["kinds"]
    documents = render_samples(figures["samples"])
    words, kept = (sum(kind[key]["words"] for kind in kinds) for key in ("in", "kept"))
    return [
        section(
            "corpora",
            "Corpora",
            f"{count(kept)} of {count(words)} words were kept. Words are separated by white space. Lines that could "
            "not be read as a document have no words; the section on sources counts them.",
            _in_and_kept(kinds),
            _reasons(kinds, figures["samples"]),
            _evaluation(figures["evaluation"]),
            _length_chart(figures["lengths"]),
        ),
        *([documents] if documents else []),
    ]


def _in_and_kept(kinds: Sequence[Figures]) -> Markup:
    rows = []
    for kind in kinds:
        shown = {unit: size if unit == "bytes" else count for unit in WORD_UNITS}
        numbers = [of_all(*(show(kind[key][unit]) for key in ("kept", "in"))) for unit, show in shown.items()]
        ratio = kind["kept"]["words"] / kind["in"]["words"] if kind["in"]["words"] else None
        rows.append((kind["source"], named(kind["language"]), kind["category"], *numbers, share(ratio)))
    return table([*ATTRIBUTES, *(f"#{unit} kept" for unit in WORD_UNITS), "#of words"], rows)


def _reasons(kinds: Sequence[Figures], samples: Samples) -> Markup | None:
    rows = [
        (
            kind["source"],
            named(kind["language"]),
            dropped["at"],
            reason_link(kind["source"], dropped["reason"], samples),
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
    rows = [
        (
            each["name"],
            ", ".join(each.get("fields", [])) or "lines",
            *(count(each[unit]) for unit in ("records", "short", "ngrams")),
        )
        for each in sets
    ]
    return join(
        [
            tag("h3", "Evaluation sets that documents were compared with"),
            table(["set", "fields", "#records", "#too short to compare", "#n-grams"], rows),
        ]
    )


def _length_chart(lengths: Mapping[str, Sequence[int]]) -> Markup | None:
    if not lengths:
        return None
    names = {language(label): counts for label, counts in lengths.items()}
    colours = {language(label): colour for label, colour in language_colours(lengths).items()}
    return length_figure("Length of kept documents", "language", "characters", names, colours)
