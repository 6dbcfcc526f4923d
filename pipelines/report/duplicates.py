"""Clusters of duplicates: how many texts there were more than once, and how often.

A document that stands for copies has `cluster_size` in its metadata (`corpora/dedup/exact.py`); one column is read for
it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipelines.report.folders import Folders


def duplicates_of(folders: Folders) -> dict[str, Any] | None:
    """Clusters by size in octaves, [2, 4), [4, 8), ...: `clusters[k]` have 2^(k+1) copies or more; and the largest."""
    unique = folders.get("unique")
    if unique is None:
        return None
    import pyarrow.compute as pc

    from sharding.tables import read_table

    sizes: Counter[int] = Counter()
    for name in unique.names(suffix=".parquet"):
        if not name.startswith("part-"):
            continue
        metadata = read_table(unique.path / name, ["metadata"])["metadata"]
        found = pc.extract_regex(metadata.combine_chunks(), r'"cluster_size": (?P<copies>\d+)')
        for copies in found.drop_null().to_pylist():
            sizes[int(copies["copies"])] += 1
    several = {size: number for size, number in sizes.items() if size > 1}
    octaves = [0] * max((size.bit_length() - 1 for size in several), default=0)
    for size, number in several.items():
        octaves[size.bit_length() - 2] += number
    return {
        "method": unique.manifest.options["method"],
        "clusters": octaves,
        "documents": sum(size * number for size, number in several.items()),
        "largest": max(several, default=0),
    }
