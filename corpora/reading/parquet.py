"""Parquet files as rows: cut by rows, read by batches of few bytes, and never ending early.

Page checksums are verified where the writer put any (most do not); what damage Arrow tells, and what only the counts
in the footer tell, is a BadInput. A string column is not looked into as it is read: a value that is not UTF-8 costs
its row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File, is_remote, open_seekable
from corpora.reading.formats import SLICE, Format, Lost, Row, Slice, even
from corpora.reading.streams import Kind, refuse

BATCH_BYTES = 8 << 20

WHOLE = 128 << 20
"""Bytes of a row group that is read at once if it is more than a batch, so that what Arrow needs for it is gone when
its rows are looked at: for one with a text of 100 MB that is 250 MB more. A larger one is read as its rows are."""

PARQUET_FAULTS = (OSError, ValueError, NotImplementedError, KeyError, MemoryError, OverflowError)
"""What Arrow raises on a damaged Parquet file; sizes that a flipped bit made large end in MemoryError."""


class Parquet(Format):
    """Rows of a Parquet file. `text` is the column whose bytes are counted; page checksums are verified where the
    writer put any."""

    containers = frozenset({"parquet"})
    called = "Parquet"

    def __init__(self, text: str, columns: tuple[str, ...] = ()) -> None:
        self.text = text
        self.columns = columns

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        with self._open(file) as parquet:
            metadata = parquet.metadata
            try:
                sizes = [self._text_bytes(metadata.row_group(group)) for group in range(metadata.num_row_groups)]
                counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
            except PARQUET_FAULTS as error:
                refuse(file, error, file.size)
            if sum(counts) != metadata.num_rows:
                refuse(file, ValueError("its row groups do not add up to its rows"), file.size)
        first = start = size = 0
        for rows, bytes_ in zip(counts, sizes, strict=True):
            if size and size + bytes_ > SLICE:
                yield Slice(file, kind, start, first, size)
                start, size = first, 0
            if bytes_ > SLICE:
                for low, high in even(rows, bytes_):
                    yield Slice(file, kind, first + low, first + high, bytes_ * (high - low) // rows)
                start = first + rows
            else:
                size += bytes_
            first += rows
        if start < first:
            yield Slice(file, kind, start, first, size)

    def _text_bytes(self, group: Any) -> int:
        """Uncompressed bytes of the text column of a row group, of all columns where there is no such column."""
        for number in range(group.num_columns):
            column = group.column(number)
            if column.path_in_schema == self.text:
                return int(column.total_uncompressed_size)
        return int(group.total_byte_size)

    def rows(self, part: Slice) -> Iterator[Row | Lost]:
        with self._open(part.file) as parquet:
            names = parquet.schema_arrow.names
            wanted = [name for name in self.columns if name in names] if self.columns else names
            number = 0
            for group in range(parquet.metadata.num_row_groups):
                count = parquet.metadata.row_group(group).num_rows
                if number + count > part.start and number < part.stop:
                    yield from self._group(parquet, part, group, number, wanted)
                number += count

    def _group(self, parquet: Any, part: Slice, group: int, number: int, wanted: list[str]) -> Iterator[Row | Lost]:
        metadata = parquet.metadata.row_group(group)
        end = min(number + metadata.num_rows, part.stop)
        batches = _batches(parquet, group, wanted)
        while True:
            try:
                batch = next(batches, None)
            except PARQUET_FAULTS as error:
                reason = f"is damaged ({str(error).splitlines()[0][:200]})"
                raise BadInput(part.file.path, reason, place=f"row {number}", mend="fetch it again") from error
            if batch is None and number < end:
                raise BadInput(part.file.path, "ends before its row group does", place=f"row {number}")
            if batch is None or number >= part.stop:
                return
            low, high = max(part.start - number, 0), min(part.stop - number, batch.num_rows)
            rows = _batch_rows(batch.slice(low, max(0, high - low)), number + low, self.text)
            number += batch.num_rows
            del batch
            yield from rows

    def schema(self, file: File) -> list[str]:
        """Names of the columns."""
        with self._open(file) as parquet:
            return list(parquet.schema_arrow.names)

    def _open(self, file: File) -> Any:
        import pyarrow.parquet

        try:
            # Over a network a row group is asked for at once, and kept as it came until the file is closed.
            remote = is_remote(file.path)
            return pyarrow.parquet.ParquetFile(open_seekable(file), pre_buffer=remote, page_checksum_verification=True)
        except PARQUET_FAULTS as error:
            refuse(file, EOFError() if "magic bytes" in str(error) else error, file.size)


def _batches(parquet: Any, group: int, wanted: list[str]) -> Iterator[Any]:
    """Batches of a row group."""
    import pyarrow

    metadata = parquet.metadata.row_group(group)
    # By bytes, not by rows: a row may be a book.
    size = max(1, min(1024, BATCH_BYTES * metadata.num_rows // max(1, metadata.total_byte_size)))
    if not BATCH_BYTES < metadata.total_byte_size <= WHOLE:
        yield from parquet.iter_batches(size, [group], wanted, use_threads=False)
        return
    table = parquet.read_row_group(group, wanted, use_threads=False)
    parts = [pyarrow.concat_batches([part]) for part in table.to_batches(size)]  # copies: each goes with its rows
    del table
    pyarrow.default_memory_pool().release_unused()  # what Arrow frees it keeps for itself
    parts.reverse()
    while parts:
        yield parts.pop()


def _batch_rows(batch: Any, number: int, text: str) -> Iterator[Row | Lost]:
    """The rows of a batch; what was read is let go, as a row may be a text of 100 MB."""
    import pyarrow

    try:
        values = batch.to_pylist()
    except UnicodeDecodeError:  # Arrow does not look into strings as it reads them: find the rows that are not UTF-8
        for index in range(batch.num_rows):
            row = batch.slice(index, 1)
            try:
                yield Row(number + index, row.to_pylist()[0])
            except UnicodeDecodeError:
                yield Lost(number + index, "invalid UTF-8", row.nbytes)
        return
    sizes = _sizes(batch, text)
    large = batch.nbytes > BATCH_BYTES
    del batch
    if large:
        pyarrow.default_memory_pool().release_unused()
    values.reverse()
    for key, size in enumerate(sizes, number):
        yield _row(key, values.pop(), text, size)


def _row(key: int, value: dict[str, Any], text: str, size: int | None) -> Row:
    return Row(key, value) if size is None else Row(key, value, text=value[text], size=size)


def _sizes(batch: Any, text: str) -> list[int | None]:
    """Bytes of each row's text; None where there is none, or it is no string."""
    import pyarrow
    import pyarrow.compute

    column = batch.schema.get_field_index(text)
    kind = batch.schema.field(column).type if column >= 0 else None
    if kind in (pyarrow.string(), pyarrow.large_string()):
        sizes: list[int | None] = pyarrow.compute.binary_length(batch.column(column)).to_pylist()
        return sizes
    return [None] * batch.num_rows
