"""Parquet: `<split>-00000.parquet`, ..., one line per row, for `datasets.load_dataset(folder)`.

input_ids       list of i32: the row
position_ids    list of i32: position in the segment, restarting at 0 for each
labels          list of i32, of a dataset with masks: the ids that are targets, -100 for others (Hugging Face)
documents       list of strings: id of the document of each segment
offsets         list of i64: first token of each segment in the stream of its document, including BOS
lengths         list of i32: number of tokens of each segment
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sharding.exports.order import OrderedRows
from sharding.rows import Batch
from sharding.seal import FileRecord, Sealed, atomic_file
from sharding.tables import read_table

FILE_ROWS = 1 << 17
LABELS, IGNORED = "labels", -100
SCHEMA = pa.schema(
    {
        "input_ids": pa.list_(pa.int32()),
        "position_ids": pa.list_(pa.int32()),
        LABELS: pa.list_(pa.int32()),
        "documents": pa.list_(pa.string()),
        "offsets": pa.list_(pa.int64()),
        "lengths": pa.list_(pa.int32()),
    }
)


def write(rows: OrderedRows, folder: Path) -> dict[str, FileRecord]:
    """Write the files of a split. Returns their records by name. Raises Damaged for changed document tables."""
    sealed = Sealed(rows.dataset.path)
    tables = [read_table(sealed.read(name), ["id"]) for name in sealed.names(prefix="documents/", suffix=".parquet")]
    names = pa.concat_tables(tables)["id"]
    fields = [field for field in SCHEMA if field.name != LABELS or rows.dataset.layout.is_masked]
    schema, batches = pa.schema(fields), rows.batches()
    files: dict[str, FileRecord] = {}
    written = 0
    while written < rows.count:
        name = f"{rows.name}-{len(files):05d}.parquet"
        rows_in_file = 0
        with (
            atomic_file(folder / name) as file,
            pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            while rows_in_file < FILE_ROWS and written + rows_in_file < rows.count:
                batch = next(batches)
                writer.write_table(_table(batch, names, schema))
                rows_in_file += len(batch.rows)
        files[name] = file.record
        written += rows_in_file
    return files


def _table(batch: Batch, names: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    count, row_tokens = batch.ids.shape
    segments = np.concatenate(batch.segments)
    begins = np.flatnonzero(segments["position"] == 0)
    indexes = np.arange(count * row_tokens)
    first = np.flatnonzero(batch.starts)
    position = indexes - np.repeat(first, segments["length"])
    by_row = np.append(np.arange(count) * row_tokens, count * row_tokens).astype(np.int32)
    by_segment = np.append(begins, len(segments)).astype(np.int32)
    documents = names.take(pa.array(segments["document"].astype(np.int64))).combine_chunks()
    labels = np.where(batch.is_target, batch.ids.astype(np.int32), IGNORED)
    columns = {
        "input_ids": (by_row, batch.ids.reshape(-1).astype(np.int32)),
        "position_ids": (by_row, position.astype(np.int32)),
        LABELS: (by_row, labels.reshape(-1).astype(np.int32)),
        "documents": (by_segment, documents),
        "offsets": (by_segment, segments["offset"].astype(np.int64)),
        "lengths": (by_segment, segments["length"].astype(np.int32)),
    }
    chosen = [columns[name] for name in schema.names]
    lists = [pa.ListArray.from_arrays(bounds, pa.array(values)) for bounds, values in chosen]
    return pa.table(lists, schema)
