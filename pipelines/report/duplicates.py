"""Duplicates: how many texts occurred more than once, how often, and what near-duplicates were dropped for.

A document that stays for others has `cluster_size` and `cluster_sources` in its metadata (`corpora.dedup`);
a part's file `.duplicates` has its dropped documents (`corpora.dedup.DROPPED`). Only these are read.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipelines.html import Bar, Figures, Label, Section, charts, count, figure, plural, section, table
from pipelines.report.folders import Folders
from pipelines.stages.build_folder import DUPLICATES, UNIQUE
from sharding.seal import Sealed

LINES = 20
"""Number of dropped near-duplicates that are listed: those least similar to the document that stays."""


def gather(folders: Folders) -> dict[str, Any] | None:
    """Count clusters of copies: `clusters[k]` have 2^(k+1) to 2^(k+2) - 1 copies. None without deduplication.

    sources: number of clusters by the number of sources in which they were found, from 1.
    near: number of dropped near-duplicates by tenths of their similarity, from 0 to 1. least: those with the least.
    """
    unique = folders.get(UNIQUE)
    if unique is None:
        return None
    import pyarrow.compute as pc

    from sharding.tables import read_table

    sizes: Counter[int] = Counter()
    sources: Counter[int] = Counter()
    for name in unique.names(prefix="part-", suffix=".parquet"):
        metadata = read_table(unique.read(name), ["metadata"])["metadata"].combine_chunks()
        matches = pc.extract_regex(metadata, r'"cluster_size": (?P<copies>\d+)')
        sizes.update(int(match["copies"]) for match in matches.drop_null().to_pylist())
        matches = pc.extract_regex(metadata, r'"cluster_sources": \[(?P<sources>[^\]]*)\]')
        sources.update(match["sources"].count(",") + 1 for match in matches.drop_null().to_pylist())
    clusters = {size: number for size, number in sizes.items() if size > 1}
    octaves = [0] * max((size.bit_length() - 1 for size in clusters), default=0)
    for size, number in clusters.items():
        octaves[size.bit_length() - 2] += number
    near = [0] * 10
    least: list[tuple[float, str, str]] = []
    for similarity, dropped, kept in _near(unique):
        near[min(9, int(similarity * 10))] += 1
        heapq.heappush(least, (-similarity, dropped, kept))
        if len(least) > LINES:
            heapq.heappop(least)
    return {
        "method": unique.manifest.options["method"],
        "clusters": octaves,
        "documents": sum(size * number for size, number in clusters.items()),
        "largest": max(clusters, default=0),
        "sources": [sources[number] for number in range(1, max(sources, default=0) + 1)],
        "near": near if any(near) else [],
        "least": [[dropped, kept, round(-value, 2)] for value, dropped, kept in sorted(least, reverse=True)],
    }


def _near(unique: Sealed) -> Iterator[tuple[float, str, str]]:
    """Yield similarity, id, and id of the document that stays, for each near-duplicate that was compared."""
    import pyarrow.compute as pc

    from sharding.tables import read_table

    for name in unique.names(prefix="part-", suffix=DUPLICATES):
        lines = read_table(unique.read(name), ["similarity", "id", "kept", "reason"])
        lines = lines.filter(pc.and_(pc.equal(lines["reason"], "near duplicate"), pc.is_valid(lines["similarity"])))
        yield from zip(*(lines[column].to_pylist() for column in ("similarity", "id", "kept")), strict=True)


def render(figures: Figures) -> list[Section]:
    """Return the section on clusters of duplicates; none where there are no clusters."""
    clusters = figures["clusters"]
    if not sum(clusters):
        return []
    names = [f"{2 ** (octave + 1):,} to {2 ** (octave + 2) - 1:,} copies" for octave in range(len(clusters))]
    bars = [(Label(name), [Bar(number, count(number), name)]) for name, number in zip(names, clusters, strict=True)]
    rows = [(name, count(number)) for name, number in zip(names, clusters, strict=True)]
    by_sources = figures.get("sources", [])
    several = sum(by_sources[1:])
    among = f" {plural(several, 'cluster')} of them were found in two sources or more." if several else ""
    return [
        section(
            "duplicates",
            "Clusters of duplicates",
            f"{plural(sum(clusters), 'text')} occurred more than once, in {count(figures['documents'])} documents "
            f"(method: {figures['method']}). One document of each cluster is kept. The largest cluster has "
            f"{count(figures['largest'])} copies.{among}",
            figure(
                "Clusters by size",
                "A few clusters of many copies are usually templates and notices; many clusters of two are reposts.",
                charts.bars("Clusters of duplicates by size", "One bar for each doubling of copies.", bars),
                table(["copies", "#clusters"], rows, narrow=True),
            ),
            *_near_figures(figures),
            name="Duplicates",
        )
    ]


def _near_figures(figures: Figures) -> list[Any]:
    """Return the similarities of dropped near-duplicates, and the least similar ones; nothing if none was compared."""
    near = figures.get("near", [])
    if not near:
        return []
    tenths = [(f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}", number) for tenth, number in enumerate(near) if number]
    bars = [(Label(name), [Bar(number, count(number), name)]) for name, number in tenths]
    lines = [(dropped, kept, f"{value:.2f}") for dropped, kept, value in figures["least"]]
    return [
        figure(
            "Near-duplicates by similarity",
            "Estimated Jaccard similarity of each dropped document with the document that stays. The table lists the "
            f"least similar ones; files unique/part-*{DUPLICATES} (Parquet) list all.",
            charts.bars("Dropped near-duplicates by similarity", "One bar for each tenth.", bars),
            table(["dropped", "stays", "#similarity"], lines),
        )
    ]
