"""A chart of documents by length, for the sections on sources and on corpora."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html import Line, Markup, charts, count, figure, legend, table


def length_figure(
    title: str, group: str, unit: str, lengths: Mapping[str, Sequence[int]], colours: Mapping[str, int]
) -> Markup:
    """Return a chart of documents by length, a curve for each group.

    group, unit: nouns for what the curves stand for, and for what lengths are counted in. lengths: by name of the
    group, the number of documents of 2^k to 2^(k+1) - 1 units. colours: by name of the group.
    """
    most = max(map(len, lengths.values()))
    lengths = {name: [*counts, *[0] * (most - len(counts))] for name, counts in lengths.items()}  # to the same end
    curves = [
        Line(name, [(octave, number / (sum(counts) or 1)) for octave, number in enumerate(counts)], colours[name])
        for name, counts in lengths.items()
    ]
    numbers = table(
        [unit, *(f"#{name}" for name in lengths)],
        [
            (
                f"{2**octave:,} to {2 ** (octave + 1) - 1:,}",
                *(count(counts[octave]) for counts in lengths.values()),
            )
            for octave in range(most)
        ],
    )
    note = f"Share of each {group}'s documents by length in {unit}; the scale doubles from left to right."
    chart = charts.lines(
        title,
        note,
        curves,
        height=170,
        show=lambda y: f"{100 * y:.0f} %",
        show_x=lambda octave: f"{2**octave:,.0f}",
        x_name=unit,
        from_zero=True,
    )
    return figure(title, note, chart, numbers, legend(colours))
