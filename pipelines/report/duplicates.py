"""Duplicates: how many texts occurred more than once, and how often.

A document that stands for copies has `cluster_size` in its metadata (`corpora/dedup/exact.py`). Only that column is
read.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipelines.html import Bar, Figures, Label, Section, charts, count, figure, plural, section, table
from pipelines.report.folders import Folders
from pipelines.stages.build_folder import UNIQUE


def gather(folders: Folders) -> dict[str, Any] | None:
    """Count clusters of copies: `clusters[k]` have 2^(k+1) to 2^(k+2) - 1 copies. None without deduplication."""
    unique = folders.get(UNIQUE)
    if unique is None:
        return None
    import pyarrow.compute as pc

    from sharding.tables import read_table

    sizes: Counter[int] = Counter()
    for name in unique.names(prefix="part-", suffix=".parquet"):
        metadata = read_table(unique.read(name), ["metadata"])["metadata"]
        matches = pc.extract_regex(metadata.combine_chunks(), r'"cluster_size": (?P<copies>\d+)')
        sizes.update(int(match["copies"]) for match in matches.drop_null().to_pylist())
    clusters = {size: number for size, number in sizes.items() if size > 1}
    octaves = [0] * max((size.bit_length() - 1 for size in clusters), default=0)
    for size, number in clusters.items():
        octaves[size.bit_length() - 2] += number
    return {
        "method": unique.manifest.options["method"],
        "clusters": octaves,
        "documents": sum(size * number for size, number in clusters.items()),
        "largest": max(clusters, default=0),
    }


def render(figures: Figures) -> list[Section]:
    """Return the section on clusters of duplicates; none where there are no clusters."""
    clusters = figures["clusters"]
    if not sum(clusters):
        return []
    names = [f"{2 ** (octave + 1):,} to {2 ** (octave + 2) - 1:,} copies" for octave in range(len(clusters))]
    bars = [(Label(name), [Bar(number, count(number), name)]) for name, number in zip(names, clusters, strict=True)]
    rows = [(name, count(number)) for name, number in zip(names, clusters, strict=True)]
    return [
        section(
            "duplicates",
            "Clusters of duplicates",
            f"{plural(sum(clusters), 'text')} occurred more than once, in {count(figures['documents'])} documents "
            f"(method: {figures['method']}). One document of each cluster is kept. The largest cluster has "
            f"{count(figures['largest'])} copies.",
            figure(
                "Clusters by size",
                "A few clusters of many copies are usually templates and notices; many clusters of two are reposts.",
                charts.bars("Clusters of duplicates by size", "One bar for each doubling of copies.", bars),
                table(["copies", "#clusters"], rows, narrow=True),
            ),
            name="Duplicates",
        )
    ]
