"""Facts about a dataset that its document tables hold and its manifest does not: the licences of its documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sharding.seal import Sealed


def licences_of(dataset: Sealed) -> list[dict[str, Any]]:
    """Count documents and tokens by source and licence; the licence is "" where the source states none.

    Returns lines of source, licence, documents and tokens, sorted by source, most tokens first.
    """
    import pyarrow as pa

    tables = list(document_tables(dataset, ["source", "license", "tokens"]))
    grouped = pa.concat_tables(tables).group_by(["source", "license"])
    lines = grouped.aggregate([("tokens", "count"), ("tokens", "sum")]).to_pylist()
    return sorted(
        (
            {
                "source": line["source"],
                "licence": line["license"] or "",
                "documents": line["tokens_count"],
                "tokens": line["tokens_sum"],
            }
            for line in lines
        ),
        key=lambda line: (line["source"], -line["tokens"], line["licence"]),
    )


def document_tables(dataset: Sealed, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the document tables of a dataset as pyarrow Tables of the named columns."""
    from sharding.tables import read_table

    for name in dataset.names(prefix="documents/", suffix=".parquet"):
        yield read_table(dataset.path / name, columns)
