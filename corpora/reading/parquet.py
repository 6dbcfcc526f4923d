"""Parquet files as rows: cut by rows, read by batches of few bytes, and never ending early.

The footer is read first, then one row group after another: its column chunks are read whole (as Arrow does), counted
in the file's `reads`, and their page headers (`corpora.reading.parquet_pages`) decide what reading them may cost,
before Arrow sees them. What the footer claims decides where a file is cut, and nothing else: it is refused where it
claims more than a file of its size can hold, and where the pages do not have the rows that it claims.

Page checksums are verified where the writer put any (most do not); what damage Arrow tells, and what only the counts
in the footer tell, is a BadInput. A string column is not looked into as it is read: a value that is not UTF-8 costs
its row.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from corpora.errors import BadInput
from corpora.reading.files import File, open_raw
from corpora.reading.formats import LONGEST_FILE, SLICE, Format, Lost, Record, Slice, even
from corpora.reading.parquet_pages import pages_of
from corpora.reading.streams import BOMB_FLOOR, BOMB_RATIO, Kind, refuse

BATCH_BYTES = 8 << 20

WHOLE = 128 << 20
"""Bytes of a row group that is read at once if it is more than a batch, so that what Arrow needs for it is gone when
its rows are looked at: for one with a text of 100 MB that is 250 MB more. A larger one is read as its rows are."""

LARGEST_PAGE = LONGEST_FILE
"""Bytes of a page, uncompressed: Arrow decompresses it at once. As for a text file, a text may be so long."""

PARQUET_FAULTS = (OSError, EOFError, ValueError, NotImplementedError, KeyError, MemoryError, OverflowError)
"""What Arrow raises on a damaged Parquet file; sizes that a flipped bit made large end in MemoryError."""

_MAGIC = b"PAR1"
_SLACK = 100
"""Bytes that Arrow reads beyond a column chunk of old writers, which did not count a header (PARQUET-816)."""


class Parquet(Format):
    """Rows of a Parquet file. `text` is the column whose bytes are counted; page checksums are verified where the
    writer put any."""

    containers = frozenset({"parquet"})
    called = "Parquet"

    def __init__(self, text: str, columns: tuple[str, ...] = ()) -> None:
        self.text = text
        self.columns = columns

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        with _Opened(file) as opened:
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
                refuse(file, ValueError("its footer counts less than nothing"), file.size)
            _Budget(file).take(max(sum(sizes), sum(counts)))
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

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        pages, values = _Budget(part.file), _Budget(part.file)
        with _Opened(part.file) as opened:
            names = opened.parquet.schema_arrow.names
            wanted = [name for name in self.columns if name in names] if self.columns else names
            number = 0
            for group in range(opened.metadata.num_row_groups):
                count = opened.metadata.row_group(group).num_rows
                if number + count > part.start and number < part.stop:
                    yield from self._group(opened, part, group, number, wanted, pages, values)
                number += count

    def _group(
        self,
        opened: _Opened,
        part: Slice,
        group: int,
        number: int,
        wanted: list[str],
        pages: _Budget,
        values: _Budget,
    ) -> Iterator[Record | Lost]:
        end = min(number + opened.metadata.row_group(group).num_rows, part.stop)
        batches = _batches(opened, group, wanted, pages)
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
            rows = _batch_rows(batch.slice(low, max(0, high - low)), number + low, self.text)
            number += batch.num_rows
            del batch
            yield from rows

    def schema(self, file: File) -> list[str]:
        """Names of the columns."""
        with _Opened(file) as opened:
            return list(opened.parquet.schema_arrow.names)


def check_sizes(file: File) -> None:
    """Raise BadInput for a Parquet file that would expand as no file does, or holds other values than it says.

    For readers of their own: what the footer of a file that passes says of values is what its pages have.
    """
    budget = _Budget(file)
    with _Opened(file) as opened:
        try:
            for group in range(opened.metadata.num_row_groups):
                opened.load(group, opened.parquet.schema_arrow.names, budget)
        except PARQUET_FAULTS as error:
            refuse(file, error, file.size)


class _Budget:
    """The bytes that a file may become; text is never packed so tightly. Streams have the same limit."""

    def __init__(self, file: File) -> None:
        self._file, self._left = file, max(BOMB_FLOOR, BOMB_RATIO * file.size)

    def take(self, size: int) -> None:
        """Count `size` bytes. Raises as `check`."""
        self.check(size)
        self._left -= size

    def check(self, size: int) -> None:
        """Raise BadInput if with `size` bytes more the file becomes too much."""
        if size > self._left:
            raise BadInput(
                self._file.path,
                f"expands more than {BOMB_RATIO}-fold, as no text does",
                mend="if it is sound, write it anew without compression",
            )


class _Opened:
    """A Parquet file: its footer, and Arrow's reader of it over the column chunks of one row group at a time."""

    def __init__(self, file: File) -> None:
        import pyarrow
        import pyarrow.parquet

        self._file = file
        self._raw = open_raw(file)
        try:
            footer = self._footer()
            self.metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(_MAGIC + footer))
            self._chunks = _Chunks(self._raw, file.size)
            source = pyarrow.PythonFile(self._chunks, mode="r")
            self.parquet = pyarrow.parquet.ParquetFile(
                source, metadata=self.metadata, pre_buffer=False, page_checksum_verification=True
            )
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

    def _footer(self) -> bytes:
        """The last bytes of the file: metadata, its length, the magic number."""
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

    def load(self, group: int, wanted: list[str], budget: _Budget) -> tuple[int, int]:
        """Read the chunks of the columns `wanted` of a row group. Returns the bytes that all of it may become, and the
        rows that a batch may have. Raises ValueError if its pages do not hold what the footer says."""
        metadata = self.metadata.row_group(group)
        schema = self.metadata.schema
        self._chunks.clear()
        rows: int = metadata.num_rows
        total, row = 0, 1.0
        for number in range(metadata.num_columns):
            column = metadata.column(number)
            if not f"{column.path_in_schema}.".startswith(tuple(f"{name}." for name in wanted)):
                continue
            first = column.data_page_offset
            if column.dictionary_page_offset:
                first = min(first, column.dictionary_page_offset)
            strings = column.physical_type == "BYTE_ARRAY"
            pages = pages_of(self._chunks.add(first, column.total_compressed_size), column.compression, strings)
            if pages.largest > LARGEST_PAGE:
                raise ValueError(f"a page of it has over {LARGEST_PAGE >> 30} GiB")
            nested = schema.column(number).max_repetition_level > 0
            if (pages.values < rows) if nested else (pages.values != rows):
                raise ValueError(f"its pages hold {pages.values:,} values, its footer speaks of {rows:,} rows")
            if pages.values != column.num_values:
                raise ValueError(f"its pages hold {pages.values:,} values, its footer says {column.num_values:,}")
            budget.take(pages.bytes)
            width = max(8, schema.column(number).length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0)
            referred = pages.referring * max(width, pages.widest)
            if nested:  # one row may hold all of it
                budget.check(pages.values * width + referred)
                row += (pages.bytes + pages.values * width + referred) / max(1, rows)
            else:
                row += max(pages.average, pages.widest, width)
            total += pages.bytes + referred + pages.values * width
        return total, max(1, min(1024, int(BATCH_BYTES / row)))


class _Chunks(io.RawIOBase):
    """A file of which only some column chunks are there: Arrow reads each at once, and gets it without a copy."""

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self._raw, self._size, self._at = raw, size, 0
        self._held: dict[int, memoryview] = {}

    def clear(self) -> None:
        self._held = {}

    def add(self, first: int, size: int) -> memoryview:
        """Read a range. Raises ValueError if it is not in the file."""
        if first < len(_MAGIC) or size < 0 or first + size > self._size:
            raise ValueError("a column lies outside the file")
        self._raw.seek(first)
        data = memoryview(self._raw.read(size))
        if len(data) < size:
            raise EOFError("truncated")
        self._held[first] = data
        return data

    def read_buffer(self, size: int = -1) -> memoryview:
        """What Arrow calls."""
        if size < 0:
            size = self._size - self._at
        at, self._at = self._at, self._at + size
        data = self._held.get(at)
        if data is not None and size <= len(data):
            return data[:size]
        if data is not None and size <= len(data) + _SLACK:
            self._raw.seek(at + len(data))
            return memoryview(bytes(data) + self._raw.read(size - len(data)))
        raise OSError("a column lies elsewhere than its footer says")

    def read(self, size: int = -1) -> bytes:
        return bytes(self.read_buffer(size))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _batches(opened: _Opened, group: int, wanted: list[str], budget: _Budget) -> Iterator[Any]:
    """Batches of a row group."""
    import pyarrow

    total, size = opened.load(group, wanted, budget)  # by bytes, not by rows: a row may be a book
    if not BATCH_BYTES < total <= WHOLE:
        yield from opened.parquet.iter_batches(size, [group], wanted, use_threads=False)
        return
    table = opened.parquet.read_row_group(group, wanted, use_threads=False)
    parts = [pyarrow.concat_batches([part]) for part in table.to_batches(size)]  # copies: each goes with its rows
    del table
    pyarrow.default_memory_pool().release_unused()  # what Arrow frees it keeps for itself
    parts.reverse()
    while parts:
        yield parts.pop()


def _batch_rows(batch: Any, number: int, text: str) -> Iterator[Record | Lost]:
    """The rows of a batch; what was read is let go, as a row may be a text of 100 MB."""
    import pyarrow

    try:
        values = batch.to_pylist()
    except UnicodeDecodeError:  # Arrow does not look into strings as it reads them: find the rows that are not UTF-8
        for index in range(batch.num_rows):
            row = batch.slice(index, 1)
            try:
                yield Record(number + index, row.to_pylist()[0])
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


def _row(key: int, value: dict[str, Any], text: str, size: int | None) -> Record:
    return Record(key, value) if size is None else Record(key, value, text=value[text], size=size)


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
