"""Clusters of duplicates, by how many copies they hold."""

from __future__ import annotations

from pipelines.html import charts
from pipelines.html.charts import Bar, Label
from pipelines.html.elements import Figures, count, figure, plural, section, table
from pipelines.html.markup import Markup


def duplicates(found: Figures) -> Markup | None:
    clusters = found["clusters"]
    if not sum(clusters):
        return None
    names = [f"{2 ** (octave + 1):,} to {2 ** (octave + 2) - 1:,} copies" for octave in range(len(clusters))]
    bars = [(Label(name), [Bar(number, count(number), name)]) for name, number in zip(names, clusters, strict=True)]
    numbers = table(
        ["copies", "#clusters"], [(n, count(c)) for n, c in zip(names, clusters, strict=True)], narrow=True
    )
    return section(
        "duplicates",
        "Clusters of duplicates",
        f"{plural(sum(clusters), 'text')} came more than once, by the method {found['method']}: "
        f"{count(found['documents'])} documents, of which one of each is kept. The largest cluster holds "
        f"{count(found['largest'])}.",
        figure(
            "Clusters by size",
            "Few clusters of many copies are templates and notices; many of two are reposts.",
            charts.bars("Clusters of duplicates by size", "One bar for each doubling of copies.", bars),
            numbers,
        ),
    )
