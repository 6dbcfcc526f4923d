"""Sources: documents, bytes and characters of each corpus, from files to rows, and lengths of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from corpora import label_counts
from pipelines.html import (
    Bar,
    Figures,
    Label,
    Markup,
    Piece,
    Section,
    Stack,
    charts,
    colours_of,
    count,
    figure,
    folded,
    join,
    legend,
    named,
    plural,
    reasons,
    section,
    share,
    size,
    table,
    tag,
)
from pipelines.report.folders import (
    DEDUPLICATION,
    READING,
    TRANSLATION,
    UNITS,
    Folders,
    count_to_json,
    counts_to_json,
)
from pipelines.report.lengths import length_figure
from pipelines.stages.build_folder import DATASET, UNIQUE
from pipelines.stages.dataset_facts import document_tables
from pipelines.stages.documents import all_strata, parts_of
from sharding import seal
from sharding.seal import Counts, Sealed


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return input, drops by reason and output of each corpus, and what is kept by source, language and category."""
    if not folders.documents:
        return None
    unique = folders.get(UNIQUE)
    deduplicated = _deduplication_by_corpus(folders, unique) if unique else {}
    translations = folders.translations
    corpora = []
    for place, corpus in folders.corpora.items():
        manifest = corpus.manifest
        corpora.append(
            {
                "folder": place,
                "source": manifest.options["source"],
                "languages": sorted({line["language"] for line in manifest.summary["strata"]}),
                "files": len(manifest.inputs),
                "bad": manifest.summary["bad"],
                "doubts": label_counts.sentences(manifest.summary.get("labels")),
                "changed": manifest.summary["changed"],
                "read": counts_to_json(manifest.counts),
                "translation": counts_to_json(translations[place].manifest.counts) if place in translations else None,
                "dedup": deduplicated.get(place),
            }
        )
    dataset = folders.get(DATASET)
    return {
        "corpora": corpora,
        "dedup": counts_to_json(unique.manifest.counts) if unique else None,
        "kept": all_strata(folders.documents),
        "funnel": _funnel_figures(folders),
        "lengths": _lengths(dataset) if dataset else None,
    }


def _deduplication_by_corpus(folders: Folders, unique: Sealed) -> dict[str, dict[str, Any]]:
    """Return the counts of deduplication for each corpus; none if the folder of a corpus was deleted.

    The parts of `unique` are those of its inputs, one for one and in order; a deleted folder hides how many it had.
    """
    sealed = folders.corpora | folders.translations
    place_of = {corpus.digest: place for place, corpus in sealed.items()}
    inputs = unique.manifest.inputs
    number_of_inputs = sum(name.startswith("documents ") for name in inputs)
    digests = [inputs[f"documents {number}"] for number in range(number_of_inputs)]
    if not all(digest in place_of for digest in digests):
        return {}
    parts = parts_of(sealed[place_of[digest]] for digest in digests)
    names = unique.names(prefix="part-", suffix=".json")
    if len(names) != len(parts):  # of release 0.1.0, with so many parts that they are joined now
        return {}
    counts: dict[str, list[dict[str, Counts]]] = {place_of[digest]: [] for digest in digests}
    for part, name in zip(parts, names, strict=True):
        written = unique.read_json(name)["counts"]
        counts[place_of[part.folder.digest]].append({u: Counts.from_json(value) for u, value in written.items()})
    return {place: counts_to_json(seal.total(of_parts)) for place, of_parts in counts.items()}


def _funnel_figures(folders: Folders) -> list[dict[str, Any]]:
    """Return the documents that remain after each stage, and those that it dropped, by reason."""
    translations = folders.translations
    others = [corpus for place, corpus in folders.corpora.items() if place not in translations]
    stages: list[tuple[str, Iterable[Sealed | None]]] = [
        ("cleaned and filtered", folders.corpora.values()),
        ("translated", translations.values()),
        ("deduplicated", [folders.get(UNIQUE)]),
        ("packed into rows", [folders.get(DATASET)]),
    ]
    funnel: list[dict[str, Any]] = []
    for name, sealed in stages:
        total = Counts()
        for folder in sealed:
            if folder is not None:
                total += folder.manifest.counts["documents"]
        if total.input or total.out:
            if not funnel:
                funnel.append({"stage": "read", "documents": total.input, "dropped": {}})
            aside = others if name == "translated" else []
            documents = total.out + sum(corpus.manifest.counts["documents"].out for corpus in aside)
            funnel.append({"stage": name, "documents": documents, "dropped": count_to_json(total)["dropped"]})
    return funnel


def _lengths(dataset: Sealed) -> dict[str, Any]:
    """Count documents by category and length: `counts[k]` have 2^k to 2^(k+1) - 1 tokens."""
    import numpy as np

    counts: dict[str, Any] = {}
    for documents in document_tables(dataset, ["category", "tokens"]):
        tokens = np.maximum(documents["tokens"].to_numpy(), 1)
        octaves = np.log2(tokens).astype(np.int64)
        category = documents["category"].combine_chunks().dictionary_encode()
        for index, name in enumerate(category.dictionary.to_pylist()):
            added = np.bincount(octaves[category.indices.to_numpy() == index], minlength=33)
            counts[name] = counts.get(name, 0) + added
    longest = max((int(np.flatnonzero(octaves).max()) for octaves in counts.values()), default=0)
    return {name: counts[name][: longest + 1].tolist() for name in sorted(counts)}


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on sources."""
    corpora, kept, lengths = figures["corpora"], figures["kept"], figures["lengths"]
    documents = sum(line["documents"] for line in kept)
    text = sum(line["bytes"] for line in kept)
    return [
        section(
            "sources",
            "Sources",
            f"{plural(documents, 'document')} with {size(text)} of text remain. Every other document that was read is "
            "counted with the reason why it was dropped.",
            _funnel(figures["funnel"]),
            _by_corpus(corpora),
            tag("h3", "Remaining documents, by source and language"),
            _kept(kept),
            length_figure("Length of documents", "category", "tokens", lengths, colours_of(lengths))
            if lengths
            else None,
            _bad(corpora),
            _doubts(corpora),
        )
    ]


def _funnel(stages: Sequence[Figures]) -> Markup | None:
    if not stages:
        return None
    first = stages[0]["documents"] or 1
    bars = []
    for stage in stages:
        dropped = sum(stage["dropped"].values())
        label = f"{stage['stage']}, {count(dropped)} dropped" if dropped else stage["stage"]
        bar = Bar(stage["documents"], share(stage["documents"] / first), reasons(stage["dropped"]))
        bars.append((Label(label, count(stage["documents"])), [bar]))
    numbers = table(
        ["after", "#documents", "of those read", "dropped, by reason"],
        [
            (stage["stage"], count(stage["documents"]), share(stage["documents"] / first), reasons(stage["dropped"]))
            for stage in stages
        ],
    )
    chart = charts.bars("Documents after each stage", "One bar for each stage, from reading to packed rows.", bars)
    return figure("From files to rows", "Documents that remain after each stage.", chart, numbers)


def _by_corpus(corpora: Sequence[Figures]) -> Markup | None:
    """Return each corpus: documents kept, dropped as duplicates, and dropped when they were read."""
    if not corpora:
        return None
    stacks, rows, reason_rows = [], [], []
    for corpus in corpora:
        read, translation = corpus["read"], corpus["translation"]
        before = translation or read
        deduplicated = corpus["dedup"] or {unit: {"out": before[unit]["out"], "dropped": {}} for unit in before}
        dropped = sum(read["documents"]["dropped"].values())
        dropped += sum(translation["documents"]["dropped"].values()) if translation else 0
        duplicates = sum(deduplicated["documents"]["dropped"].values())
        kept = deduplicated["documents"]["out"]
        name = corpus["folder"].rpartition("/")[2]
        pieces = [
            Piece(number, f"{name}: {count(number)} {kind}", colour)
            for number, kind, colour in ((kept, "kept", 1), (duplicates, "duplicates", 2), (dropped, "dropped", 0))
            if number
        ]
        stacks.append(Stack(name, pieces, f"{count(kept)} of {count(read['documents']['in'])}"))
        rows.append(
            (
                name,
                ", ".join(corpus["languages"]),
                *map(count, (read["documents"]["in"], dropped, duplicates, kept)),
                size(read["bytes"]["in"]),
                size(deduplicated["bytes"]["out"]),
                count(deduplicated["chars"]["out"]),
            )
        )
        for step, counts in ((READING, read), (TRANSLATION, translation or {}), (DEDUPLICATION, deduplicated)):
            for reason in sorted({reason for unit in counts.values() for reason in unit["dropped"]}):
                numbers = [counts[unit]["dropped"].get(reason, 0) for unit in UNITS]
                reason_rows.append((name, step, reason, *map(count, numbers)))
    columns = ["corpus", "languages", "#read", "#dropped", "#duplicates", "#kept", "#bytes in", "#bytes kept"]
    chart = charts.stacks("Documents of each corpus", "One bar for each corpus: kept, duplicate, dropped.", stacks)
    return join(
        [
            figure(
                "Documents of each corpus",
                "Shares of its documents. Of several copies the first one is kept, in the order of the recipe.",
                chart,
                legend=legend({"kept": 1, "duplicate": 2, "dropped": 0}),
            ),
            table([*columns, "#chars kept"], rows),
            folded(
                "Every reason, in documents, bytes and characters",
                table(["corpus", "at", "reason", *(f"#{unit}" for unit in UNITS)], reason_rows),
            )
            if reason_rows
            else None,
        ]
    )


def _kept(kept: Sequence[Figures]) -> Markup:
    chars = sum(line["chars"] for line in kept) or 1
    return table(
        ["source", "language", "category", "#documents", "#bytes", "#chars", "#of all chars"],
        [
            (
                line["source"],
                named(line["language"]),
                line["category"],
                count(line["documents"]),
                size(line["bytes"]),
                count(line["chars"]),
                share(line["chars"] / chars),
            )
            for line in kept
        ],
        total=(
            "all",
            "",
            "",
            count(sum(line["documents"] for line in kept)),
            size(sum(line["bytes"] for line in kept)),
            count(chars),
            "",
        ),
    )


def _doubts(corpora: Sequence[Figures]) -> Markup | None:
    sentences = [f"{corpus['folder']}: {sentence}" for corpus in corpora for sentence in corpus["doubts"]]
    return tag("ul", *[tag("li", sentence) for sentence in sentences], class_="small") if sentences else None


def _bad(corpora: Sequence[Figures]) -> Markup | None:
    sentences = [sentence for corpus in corpora for sentence in corpus["bad"]]
    if not sentences:
        return None
    listed = tag("ul", *[tag("li", sentence) for sentence in sentences])
    return folded(f"{plural(len(sentences), 'file')} could not be read and were left out", listed)
