"""Groups of documents that are not divided between training and validation.

The metadata name the group of a document: its `cluster`, else its `book`, else it is a group of its own. A translation
has the group of its original. Near deduplication joins the groups of documents that resemble each other, and names the
joined group as their cluster (`corpora.dedup`).
"""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc


def groups_of(table: pa.Table) -> pa.ChunkedArray:
    """Return the name of the group of each document, string. table: has the columns id and metadata."""
    column = table["metadata"]
    if not pc.any(pc.match_substring_regex(column, '"(book|cluster)"')).as_py():  # most tables have neither
        return table["id"]
    groups = []
    for name, text in zip(table["id"].to_pylist(), column.to_pylist(), strict=True):
        metadata = json.loads(text)
        groups.append(str(metadata.get("cluster") or metadata.get("book") or name))
    return pa.chunked_array([groups], pa.string())
