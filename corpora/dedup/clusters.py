"""What is recorded of duplicates: the document that stays for each document, and the sources of each cluster.

    lines = dropped_documents(table, decisions, clusters)        # DROPPED, for people

Decisions have numbers of documents; these tables have ids and names of groups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpora.dedup.decisions import KEPT, NEAR_TEXT, REASONS, SAME_TEXT

CLUSTERS = pa.schema(
    [
        ("row", pa.uint32()),
        ("kept", pa.large_string()),
        ("kept_part", pa.int32()),
        ("cluster", pa.large_string()),
        ("sources", pa.list_(pa.string())),
    ]
)
"""Documents of a part that have duplicates or candidates.

row: of the document. kept: id of the document that stays for it. kept_part: number of that document's part.
cluster: group of the first document of its cluster. sources: those of all documents for which it stays, sorted; empty
for a document that is dropped.
"""

DROPPED = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("kept", pa.large_string()),
        ("kept_part", pa.string()),
        ("similarity", pa.float32()),
    ]
)
"""Documents of a part that were dropped as duplicates.

kept, kept_part: id of the document that stays, and the part in the same folder that holds it. similarity: 1 for an
equal text; estimate of the Jaccard similarity of a near-duplicate, null if it was not compared.
"""


def dropped_documents(table: pa.Table, decisions: npt.NDArray[np.void], clusters: pa.Table) -> pa.Table:
    """Return the documents of a part that were dropped as duplicates, with what they were dropped for: DROPPED.

    table: the documents of the part, with id and source. decisions: of its documents. clusters: its table CLUSTERS.
    """
    reasons = decisions["reason"][clusters["row"].to_numpy()]
    lines = clusters.take(pa.array(np.flatnonzero((reasons == SAME_TEXT) | (reasons == NEAR_TEXT))))
    rows = lines["row"].to_numpy()
    documents = table.select(["id", "source"]).take(pa.array(rows))
    similarity = np.where(decisions["reason"][rows] == SAME_TEXT, np.float32(1), decisions["similarity"][rows])
    columns = [
        documents["id"],
        documents["source"],
        pa.array([REASONS[int(code)] for code in decisions["reason"][rows]], pa.string()),
        lines["kept"],
        pa.array([f"part-{number:05d}" for number in lines["kept_part"].to_pylist()], pa.string()),
        pa.array(similarity, mask=np.isnan(similarity)),
    ]
    return pa.Table.from_arrays(columns, schema=DROPPED)


def cluster_metadata(
    decisions: npt.NDArray[np.void], clusters: pa.Table, *, near: bool
) -> dict[int, dict[str, object]]:
    """Return what is added to the metadata of each document that stays and has duplicates or candidates, by row.

    cluster: name of the cluster, if near-duplicates were compared. cluster_size: documents for which it stays, with
    itself; cluster_sources: their sources; both if there are several.
    """
    added: dict[int, dict[str, object]] = {}
    for row, name, sources in zip(
        *(clusters[each].to_pylist() for each in ("row", "cluster", "sources")), strict=True
    ):
        if decisions["reason"][row] == KEPT:
            copies = int(decisions["copies"][row])
            several = {"cluster_size": copies, "cluster_sources": sources} if copies > 1 else {}
            added[row] = ({"cluster": name} if near else {}) | several
    return added
