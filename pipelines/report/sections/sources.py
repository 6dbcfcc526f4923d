"""Where documents came from, what became of them, and how long they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html import charts
from pipelines.html.charts import Bar, Label, Line, Piece, Stack
from pipelines.html.elements import (
    Figures,
    count,
    figure,
    folded,
    legend,
    named,
    plural,
    reasons,
    section,
    share,
    size,
    table,
)
from pipelines.html.markup import Markup, join, tag


def sources(figures: Figures) -> Markup:
    corpora, kept = figures["corpora"], figures["kept"]
    documents = sum(line["documents"] for line in kept)
    text = sum(line["bytes"] for line in kept)
    return section(
        "sources",
        "Sources",
        f"{plural(documents, 'document')} with {size(text)} of text are left of what was read. "
        "Every document that is not is counted with its reason.",
        _funnel(figures["funnel"]),
        _fates(corpora),
        tag("h3", "What is left, by source and language"),
        _kept(kept),
        _lengths(figures["lengths"]) if figures["lengths"] else None,
        _bad(corpora),
    )


def _funnel(stages: Sequence[Figures]) -> Markup | None:
    if not stages:
        return None
    first = stages[0]["documents"] or 1
    bars = []
    for stage in stages:
        lost = sum(stage["dropped"].values())
        label = f"{stage['stage']}, less {count(lost)}" if lost else stage["stage"]
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
    return figure("From files to rows", "Documents that are left after each stage.", chart, numbers)


def _fates(corpora: Sequence[Figures]) -> Markup | None:
    """Each corpus: kept, duplicate, dropped."""
    if not corpora:
        return None
    stacks, rows, reasons = [], [], []
    for corpus in corpora:
        read = corpus["read"]
        later = corpus["dedup"] or {unit: {"out": read[unit]["out"], "dropped": {}} for unit in read}
        dropped = sum(read["documents"]["dropped"].values())
        twice = sum(later["documents"]["dropped"].values())
        left = later["documents"]["out"]
        name = corpus["folder"].rpartition("/")[2]
        pieces = [
            Piece(number, f"{name}: {count(number)} {what}", colour)
            for number, what, colour in ((left, "kept", 1), (twice, "duplicates", 2), (dropped, "dropped", 0))
            if number
        ]
        stacks.append(Stack(name, pieces, f"{count(left)} of {count(read['documents']['in'])}"))
        rows.append(
            (
                name,
                ", ".join(corpus["languages"]),
                *(count(number) for number in (read["documents"]["in"], dropped, twice, left)),
                size(read["bytes"]["in"]),
                size(later["bytes"]["out"]),
                count(later["chars"]["out"]),
            )
        )
        for step, counts in (("reading", read), ("deduplication", later)):
            for reason in sorted({reason for unit in counts.values() for reason in unit["dropped"]}):
                lost = [counts[unit]["dropped"].get(reason, 0) for unit in ("documents", "bytes", "chars")]
                reasons.append((name, step, reason, *map(count, lost)))
    columns = ["corpus", "languages", "#read", "#dropped", "#duplicates", "#kept", "#bytes in", "#bytes kept"]
    chart = charts.stacks("What became of each corpus", "One bar for each corpus: kept, duplicate, dropped.", stacks)
    return join(
        [
            figure(
                "What became of each corpus",
                "Shares of its documents. A copy is kept where it comes first, in the order of the recipe.",
                chart,
                legend=legend({"kept": 1, "duplicate": 2, "dropped": 0}),
            ),
            table([*columns, "#chars kept"], rows),
            folded(
                "Every reason, in documents, bytes and characters",
                table(["corpus", "at", "reason", "#documents", "#bytes", "#chars"], reasons),
            )
            if reasons
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
            *(count(sum(line["documents"] for line in kept)), size(sum(line["bytes"] for line in kept)), count(chars)),
            "",
        ),
    )


def _lengths(lengths: Mapping[str, Sequence[int]]) -> Markup:
    names = {name: number for number, name in enumerate(sorted(lengths), 1)}
    curves = [
        Line(
            name,
            [(octave, number / (sum(lengths[name]) or 1)) for octave, number in enumerate(lengths[name])],
            colour,
        )
        for name, colour in names.items()
    ]
    octaves = range(max(map(len, lengths.values())))
    numbers = table(
        ["tokens", *(f"#{name}" for name in names)],
        [
            (
                f"{2**octave:,} to {2 ** (octave + 1) - 1:,}",
                *(count(lengths[name][octave] if octave < len(lengths[name]) else 0) for name in names),
            )
            for octave in octaves
        ],
    )
    chart = charts.lines(
        "Length of documents",
        "Share of a category's documents by length in tokens, doubling from left to right.",
        curves,
        height=170,
        show=lambda y: f"{100 * y:.0f} %",
        show_x=lambda octave: f"{2**octave:,.0f}",
        x_name="tokens",
        from_zero=True,
    )
    note = "Share of each category's documents by length in tokens; the scale doubles from left to right."
    return figure("Length of documents", note, chart, numbers, legend(names))


def _bad(corpora: Sequence[Figures]) -> Markup | None:
    sentences = [sentence for corpus in corpora for sentence in corpus["bad"]]
    if not sentences:
        return None
    listed = tag("ul", *[tag("li", sentence) for sentence in sentences])
    return folded(f"{plural(len(sentences), 'file')} could not be read and were left out", listed)
