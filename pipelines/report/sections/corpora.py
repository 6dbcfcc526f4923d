"""The corpora by source, language and reason: what came in, what went and why, how long documents are, samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html import charts
from pipelines.html.charts import Line
from pipelines.html.elements import (
    Figures,
    count,
    figure,
    folded,
    language,
    legend,
    named,
    passage,
    plural,
    section,
    share,
    size,
    table,
)
from pipelines.html.markup import Markup, join, tag

SHOWN = 300
"""Characters of a sample; the rest is in report.json."""


def corpora(figures: Figures) -> Markup:
    kinds = figures["kinds"]
    words, kept = (sum(kind[way]["words"] for kind in kinds) for way in ("in", "kept"))
    return section(
        "corpora",
        "Corpora",
        f"{count(words)} words of documents came in, and {count(kept)} are kept. A word is what stands between white "
        "space. Lines that never became a document are counted above.",
        _in_and_out(kinds),
        _reasons(kinds),
        _evaluation(figures["evaluation"]),
        _lengths(figures["lengths"]),
        _samples(figures["samples"]),
    )


def _in_and_out(kinds: Sequence[Figures]) -> Markup:
    rows = []
    for kind in kinds:
        numbers = [
            (size if unit == "bytes" else count)(kind[way][unit])
            for unit in ("documents", "bytes", "chars", "words")
            for way in ("in", "kept")
        ]
        left = kind["kept"]["words"] / kind["in"]["words"] if kind["in"]["words"] else None
        rows.append((kind["source"], named(kind["language"]), kind["category"], *numbers, share(left)))
    units = [f"#{unit} {way}" for unit in ("documents", "bytes", "chars", "words") for way in ("in", "kept")]
    return table(["source", "language", "category", *units, "#of words"], rows)


def _reasons(kinds: Sequence[Figures]) -> Markup | None:
    rows = [
        (
            kind["source"],
            named(kind["language"]),
            one["at"],
            one["reason"],
            count(one["documents"]),
            size(one["bytes"]),
            count(one["chars"]),
            count(one["words"]),
            share(one["words"] / kind["in"]["words"]) if kind["in"]["words"] else share(None),
        )
        for kind in kinds
        for one in sorted(kind["dropped"], key=lambda one: (-one["documents"], one["reason"]))
    ]
    columns = ["source", "language", "at", "reason", "#documents", "#bytes", "#chars", "#words", "#of words"]
    return join([tag("h3", "What was dropped, and why"), table(columns, rows)]) if rows else None


def _evaluation(sets: Sequence[Figures]) -> Markup | None:
    if not sets:
        return None
    rows = [(one["name"], count(one["records"]), count(one["short"]), count(one["ngrams"])) for one in sets]
    return join(
        [
            tag("h3", "Evaluation sets looked for"),
            table(["set", "#records", "#too short to be looked for", "#n-grams"], rows),
        ]
    )


def _lengths(lengths: Mapping[str, Sequence[int]]) -> Markup | None:
    if not lengths:
        return None
    colours = {name: number for number, name in enumerate(lengths, 1)}
    curves = [
        Line(
            name, [(octave, number / (sum(lengths[name]) or 1)) for octave, number in enumerate(lengths[name])], colour
        )
        for name, colour in colours.items()
    ]
    numbers = table(
        ["characters", *(f"#{name}" for name in lengths)],
        [
            (
                f"{2**octave:,} to {2 ** (octave + 1) - 1:,}",
                *(count(some[octave] if octave < len(some) else 0) for some in lengths.values()),
            )
            for octave in range(max(map(len, lengths.values())))
        ],
    )
    chart = charts.lines(
        "Length of kept documents",
        "Share of a language's documents by length in characters, doubling from left to right.",
        curves,
        height=170,
        show=lambda y: f"{100 * y:.0f} %",
        show_x=lambda octave: f"{2**octave:,.0f}",
        x_name="characters",
        from_zero=True,
    )
    note = "Share of each language's documents by length in characters; the scale doubles from left to right."
    names = {language(name): colour for name, colour in colours.items()}
    return figure("Length of kept documents", note, chart, numbers, legend(names))


def _samples(samples: Mapping[str, Mapping[str, Sequence[Figures]]]) -> Markup | None:
    found = [
        folded(f"{source}: {plural(len(some), 'document')} {kind}", *[_sample(one) for one in some])
        for source, kinds in samples.items()
        for kind, some in sorted(kinds.items(), reverse=True)
    ]
    return join([tag("h3", "Random documents of each source"), tag("div", *found, class_="list")]) if found else None


def _sample(one: Figures) -> Markup:
    said = [one["id"], language(one["language"]), f"{count(one['chars'])} characters", one["reason"]]
    text = one["text"][:SHOWN] + ("…" if one["chars"] > SHOWN else "")
    return join([tag("p", " · ".join(filter(None, said)), class_="soft"), passage([text], one["language"])])
