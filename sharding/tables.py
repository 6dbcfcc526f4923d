"""Read Parquet tables on the calling thread.

`pyarrow.parquet.read_table` uses Arrow's pool of input threads. If one of these threads holds the last reference to
Python bytes when the interpreter exits, it must acquire the interpreter lock and is terminated instead, which aborts
the process: "terminate called without an active exception", exit status 134. This happened in 38 of 60 processes that
ended with such a read (pyarrow 26.0.1, Python 3.11). `ParquetFile` without threads does not have the problem. The
linter forbids `pyarrow.parquet.read_table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read_table(source: bytes | Path, columns: Sequence[str], *, dictionaries: Sequence[str] = ()) -> pa.Table:
    """Return columns of a Parquet file, in the given order.

    source: the bytes of the file, or its path; dictionaries: columns to return dictionary-encoded.
    Raises ArrowException if the file is not Parquet or is damaged (page checksums are verified), KeyError if a column
    does not exist.
    """
    file = pq.ParquetFile(
        pa.BufferReader(source) if isinstance(source, bytes) else source,
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
    )
    with file:
        return file.read(list(columns), use_threads=False).select(list(columns))
