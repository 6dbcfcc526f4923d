"""Parquet files: slices of rows, read in batches of limited size, with checks for damaged and hostile files.

The footer is read first, then one row group at a time. The column chunks of a row group are read whole, as Arrow does,
and recorded in the file's `reads`. Their page headers (`corpora.reading.parquet_pages`) bound the memory that reading
requires; they are checked before Arrow decodes the chunks. The footer is used only to compute the slices. A file is
refused if its footer declares more than a file of that size can contain, or if the pages have a different number of
rows.

Page checksums are verified if the writer stored them (most writers do not). BadInput is raised for every damage that
Arrow reports and for row counts that disagree with the footer. Arrow does not validate strings while it reads: a value
that is not UTF-8 makes its row `Lost`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from corpora.errors import BadInput
from corpora.reading.files import File, open_raw
from corpora.reading.formats import LONGEST_FILE, SLICE, Lost, Record, Slice, even_ranges
from corpora.reading.kinds import Kind
from corpora.reading.parquet_pages import check_footer, pages_of
from corpora.reading.streams import refuse
from corpora.reading.tables import BATCH_BYTES, PARQUET_FAULTS, Budget, Table, batch_rows, field_types

WHOLE = 128 << 20
"""Maximum bytes of a row group that is read at once. Arrow's buffers of such a row group are freed before its rows are
processed, which saves 250 MB for a text of 100 MB. A larger row group is read batch by batch."""

LARGEST_PAGE = LONGEST_FILE
"""Maximum bytes of an uncompressed page, which Arrow decompresses at once."""

_MAGIC = b"PAR1"
_SLACK = 100
"""Bytes that Arrow reads after a column chunk of old writers, which did not count a header (PARQUET-816)."""


class Parquet(Table):
    """A Parquet file."""

    containers = frozenset({"parquet"})
    description = "Parquet"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        with _Opened(file) as opened:
            self.chosen(file, opened.parquet.schema_arrow.names)
            metadata = opened.metadata
            try:
                groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
                sizes = [self._text_bytes(group) for group in groups]
                counts = [group.num_rows for group in groups]
            except PARQUET_FAULTS as error:
                refuse(file, error, file.size)
            if sum(counts) != metadata.num_rows:
                refuse(file, ValueError("its row groups do not add up to its rows"), file.size)
            if min([*counts, *sizes], default=0) < 0:
                refuse(file, ValueError("its footer has negative counts"), file.size)
            Budget(file).take(max(sum(sizes), sum(counts)))
        first = start = size = 0
        for rows, bytes_ in zip(counts, sizes, strict=True):
            if size and size + bytes_ > SLICE:
                yield Slice(file, kind, start, first, size)
                start, size = first, 0
            if bytes_ > SLICE:
                for low, high in even_ranges(rows, bytes_):
                    yield Slice(file, kind, first + low, first + high, bytes_ * (high - low) // rows)
                start = first + rows
            else:
                size += bytes_
            first += rows
        if start < first:
            yield Slice(file, kind, start, first, size)

    def _text_bytes(self, group: Any) -> int:
        """Return the uncompressed bytes of a row group's text column, or of all columns if it has no text column."""
        for number in range(group.num_columns):
            column = group.column(number)
            if column.path_in_schema == self.text:
                return int(column.total_uncompressed_size)
        return int(group.total_byte_size)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        pages, values = Budget(part.file), Budget(part.file)
        with _Opened(part.file, checked=True) as opened:
            columns = self.chosen(part.file, opened.parquet.schema_arrow.names)
            number = 0
            for group in range(opened.metadata.num_row_groups):
                count = opened.metadata.row_group(group).num_rows
                if number + count > part.start and number < part.stop:
                    yield from self._group(opened, part, group, number, columns, pages, values)
                number += count

    def _group(
        self,
        opened: _Opened,
        part: Slice,
        group: int,
        number: int,
        columns: list[str],
        pages: Budget,
        values: Budget,
    ) -> Iterator[Record | Lost]:
        end = min(number + opened.metadata.row_group(group).num_rows, part.stop)
        batches = _batches(opened, group, columns, pages)
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
            values.take(batch.nbytes)
            low, high = max(part.start - number, 0), min(part.stop - number, batch.num_rows)
            rows = batch_rows(batch.slice(low, max(0, high - low)), number + low, self.text)
            number += batch.num_rows
            del batch
            yield from rows

    def schema(self, file: File) -> dict[str, Any]:
        """Return the types of the columns and of the fields in them, as in `Table`."""
        with _Opened(file) as opened:
            return opened.types


def check_sizes(file: File) -> None:
    """Check a Parquet file before another reader opens it: the footer of an accepted file agrees with its pages.

    Raises BadInput if the file expands more than BOMB_RATIO-fold, or if its pages do not have the number of values
    that the footer declares.
    """
    budget = Budget(file)
    with _Opened(file) as opened:
        try:
            for group in range(opened.metadata.num_row_groups):
                opened.load(group, opened.parquet.schema_arrow.names, budget)
        except PARQUET_FAULTS as error:
            refuse(file, error, file.size)


class _Opened:
    """An open Parquet file: its footer, and an Arrow reader over the column chunks of one row group at a time."""

    def __init__(self, file: File, *, checked: bool = False) -> None:
        """`checked`: the footer was checked when the slices of the file were computed."""
        import pyarrow
        import pyarrow.parquet

        self._file = file
        self._raw = open_raw(file)
        try:
            footer = self._footer()
            if not checked:
                check_footer(memoryview(footer))
            self.metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(_MAGIC + footer))
            self._chunks = _Chunks(self._raw, file.size)
            self.parquet = self._reader()
            self.types = dict(field_types(self.parquet.schema_arrow))
        except PARQUET_FAULTS as error:
            self._raw.close()
            refuse(file, error, file.size)
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def _reader(self, **options: Any) -> Any:
        """Return an Arrow reader over the column chunks in memory."""
        import pyarrow
        import pyarrow.parquet

        return pyarrow.parquet.ParquetFile(
            pyarrow.PythonFile(self._chunks, mode="r"),
            metadata=self.metadata,
            pre_buffer=False,
            page_checksum_verification=True,
            **options,
        )

    def _footer(self) -> bytes:
        """Read the last bytes of the file: metadata, its length, the magic number."""
        size = self._file.size
        self._raw.seek(max(0, size - 8))
        tail = self._raw.read(8)
        if len(tail) < 8 or tail[4:] != _MAGIC:
            raise EOFError("truncated")
        length = int.from_bytes(tail[:4], "little")
        if length + 12 > size:
            raise ValueError("its footer is longer than the file")
        self._raw.seek(size - 8 - length)
        return self._raw.read(length) + tail

    def load(self, group: int, columns: list[str], budget: Budget) -> tuple[int, int]:
        """Read the column chunks of a row group.

        Returns an upper bound of the row group's uncompressed bytes, and the number of rows of a batch. Raises
        ValueError if the pages disagree with the footer, BadInput if they exceed the budget.
        """
        metadata = self.metadata.row_group(group)
        schema = self.metadata.schema
        self._chunks.clear()
        rows: int = metadata.num_rows
        total, row = 0, 1.0
        for number in range(metadata.num_columns):
            column = metadata.column(number)
            if not f"{column.path_in_schema}.".startswith(tuple(f"{name}." for name in columns)):
                continue
            first = column.data_page_offset
            if column.dictionary_page_offset:
                first = min(first, column.dictionary_page_offset)
            strings = column.physical_type == "BYTE_ARRAY"
            pages = pages_of(self._chunks.add(first, column.total_compressed_size), column.compression, strings)
            if pages.largest > LARGEST_PAGE:
                raise ValueError(f"one of its pages has over {LARGEST_PAGE >> 30} GiB")
            nested = schema.column(number).max_repetition_level > 0
            if (pages.values < rows) if nested else (pages.values != rows):
                raise ValueError(f"its pages hold {pages.values:,} values, its footer declares {rows:,} rows")
            if pages.values != column.num_values:
                raise ValueError(f"its pages hold {pages.values:,} values, its footer declares {column.num_values:,}")
            budget.take(pages.bytes)
            width = max(8, schema.column(number).length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0)
            references = pages.referring * max(width, pages.widest)
            size = pages.bytes + references + pages.values * width
            if nested:  # one row may contain all values
                budget.check(pages.values * width + references)
                row += size / max(1, rows)
            else:
                row += max(pages.average, pages.widest, width)
                if strings and not pages.chained and pages.widest > BATCH_BYTES and pages.bytes <= WHOLE:
                    size = self._bytes_of(group, column.path_in_schema) + pages.values * width
            total += size
        return total, max(1, min(1024, int(BATCH_BYTES / row)))

    def _bytes_of(self, group: int, name: str) -> int:
        """Return the bytes of the values of a column of strings, which refer to a dictionary with a long one.

        Arrow reads references without their values, so that the memory is that of the pages. Number of values times
        the longest one would be far more, and the row group could not be read at once.
        """
        import pyarrow.compute

        column = self._reader(read_dictionary=[name]).read_row_group(group, [name], use_threads=False)[0]
        lengths = (pyarrow.compute.binary_length(part.dictionary).take(part.indices) for part in column.chunks)
        return sum(pyarrow.compute.sum(part).as_py() or 0 for part in lengths)


class _Chunks(io.RawIOBase):
    """A file object that serves column chunks from memory. Arrow reads each chunk with one call, without a copy."""

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self._raw, self._size, self._position = raw, size, 0
        self._loaded: dict[int, memoryview] = {}  # offset in the file -> bytes

    def clear(self) -> None:
        self._loaded = {}

    def add(self, first: int, size: int) -> memoryview:
        """Read a range of the file into memory. Raises ValueError if it is outside the file, EOFError if truncated."""
        if first < len(_MAGIC) or size < 0 or first + size > self._size:
            raise ValueError("a column lies outside the file")
        self._raw.seek(first)
        data = memoryview(self._raw.read(size))
        if len(data) < size:
            raise EOFError("truncated")
        self._loaded[first] = data
        return data

    def read_buffer(self, size: int = -1) -> memoryview:
        """Return `size` bytes of a loaded chunk. Arrow calls this method instead of `read`."""
        if size < 0:
            size = self._size - self._position
        offset, self._position = self._position, self._position + size
        data = self._loaded.get(offset)
        if data is not None and size <= len(data):
            return data[:size]
        if data is not None and size <= len(data) + _SLACK:
            self._raw.seek(offset + len(data))
            return memoryview(bytes(data) + self._raw.read(size - len(data)))
        raise OSError("a column is not where its footer declares it")

    def read(self, size: int = -1) -> bytes:
        return bytes(self.read_buffer(size))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _batches(opened: _Opened, group: int, columns: list[str], budget: Budget) -> Iterator[Any]:
    """Yield the record batches of a row group, in order."""
    import pyarrow

    total, size = opened.load(group, columns, budget)  # the size depends on bytes, since a row may be a book
    if not BATCH_BYTES < total <= WHOLE:
        yield from opened.parquet.iter_batches(size, [group], columns, use_threads=False)
        return
    table = opened.parquet.read_row_group(group, columns, use_threads=False)
    parts = [pyarrow.concat_batches([part]) for part in table.to_batches(size)]  # copies, freed one at a time
    del table
    pyarrow.default_memory_pool().release_unused()  # Arrow's pool does not return freed memory by itself
    parts.reverse()
    while parts:
        yield parts.pop()
