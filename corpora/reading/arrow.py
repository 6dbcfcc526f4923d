"""Arrow IPC files and streams: slices of rows, read batch by batch, with checks for damaged and hostile files.

Arrow gets a stream of the messages that it needs. Before it decodes a message, the bytes that the message declares are
taken from a budget (`corpora.reading.arrow_messages`). Arrow does not validate what it decodes:
every batch is validated before its values are read, and their size is taken from a budget too, since a dictionary or a
list of nulls of some bytes may stand for gigabytes of values.

Files that `datasets` saves are streams. Their end marker is required: a stream that was cut off between two messages
would otherwise be a shorter stream.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from corpora.addresses import is_remote
from corpora.errors import BadInput
from corpora.reading.arrow_messages import (
    BATCH,
    DICTIONARY,
    END,
    FILE_MAGIC,
    SCHEMA,
    Message,
    file_messages,
    read_footer,
    stream_messages,
)
from corpora.reading.files import File, open_raw
from corpora.reading.formats import END as NO_END
from corpora.reading.formats import SLICE, Lost, Record, Slice
from corpora.reading.kinds import Kind
from corpora.reading.streams import refuse
from corpora.reading.tables import BATCH_BYTES, PARQUET_FAULTS, Budget, Table, batch_rows, field_types

_ROWS = 1024
"""Maximum number of rows whose values are in memory."""


class Arrow(Table):
    """An Arrow IPC file or stream.

    A slice has whole batches. A remote file is one slice, since finding its batches requires reading most of it.
    """

    containers = frozenset({"arrow"})
    description = "Arrow"

    def slices(self, file: File, kind: Kind) -> Iterator[Slice]:
        self.schema(file)
        if is_remote(file.path):
            yield Slice(file, kind, 0, NO_END, file.size)
            return
        first = start = size = 0
        with _Opened(file) as opened:
            for message in opened.batches():
                if size and size + message.size > SLICE:
                    yield Slice(file, kind, start, first, size)
                    start, size = first, 0
                first, size = first + message.rows, size + message.size
        if start < first:
            yield Slice(file, kind, start, first, size)

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        budget = Budget(part.file)
        with _Opened(part.file) as opened:
            columns = self.chosen(part.file, opened.schema.names)
            for number, batch in opened.decoded(columns, part.start, part.stop):
                try:
                    yield from _rows(batch, number, self.text, budget)
                except PARQUET_FAULTS as error:
                    refuse(part.file, error, opened.tell())

    def schema(self, file: File) -> dict[str, Any]:
        """Return the types of the columns and of the fields in them, as in `Table`."""
        with _Opened(file) as opened:
            for name in self.chosen(file, opened.schema.names):
                if unread := _unread(opened.types[name]):
                    mend = "write it again with another type, or as Parquet"
                    raise BadInput(file.path, f"has the type {unread} in column {name}", mend=mend)
            return opened.types


class _Opened:
    """An open file: its schema, and its batches."""

    def __init__(self, file: File) -> None:
        import pyarrow

        self._file = file
        self._raw = open_raw(file)
        try:
            if self._raw.read(len(FILE_MAGIC)) == FILE_MAGIC:
                footer = read_footer(self._raw, file.size)
                self._messages = file_messages(self._raw, file.size, footer)
                self.schema = pyarrow.ipc.open_file(pyarrow.BufferReader(FILE_MAGIC + bytes(2) + footer)).schema
            else:
                self._messages = stream_messages(self._raw, file.size)
                first = next(self._messages, None)
                if first is None or first.kind != SCHEMA:
                    raise ValueError("it does not begin with a schema")
                self.schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(first.head))
            self.types = dict(field_types(self.schema))
        except PARQUET_FAULTS as error:
            self._refuse(error)
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def tell(self) -> int:
        """Return the number of the byte up to which the file was read."""
        return self._raw.tell()

    def _refuse(self, error: Exception) -> None:
        position = self._raw.tell()
        self._raw.close()
        refuse(self._file, error, position)

    def batches(self) -> Iterator[Message]:
        """Yield the messages of all batches. Raises BadInput if the file is damaged."""
        try:
            for message in self._messages:
                if message.kind == BATCH:
                    yield message
        except PARQUET_FAULTS as error:
            self._refuse(error)

    def decoded(self, columns: list[str], start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Yield (number of its first row, batch) of the batches that begin in rows [start, stop).

        columns  columns to read; a batch has no others

        Raises BadInput if the file is damaged, or if the messages exceed the budget.
        """
        import pyarrow

        numbers: list[int] = []
        served = pyarrow.PythonFile(_Served(self._pieces(start, stop, numbers)), mode="r")
        fields = [self.schema.get_field_index(name) for name in columns]
        options = pyarrow.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        try:
            reader = pyarrow.ipc.open_stream(served, options=options)
            while (batch := next(reader, None)) is not None:
                yield numbers.pop(0), batch
        except PARQUET_FAULTS as error:
            self._refuse(error)

    def _pieces(self, start: int, stop: int, numbers: list[int]) -> Iterator[bytes]:
        """Yield the bytes of the messages that the batches in rows [start, stop) need; add their rows to `numbers`."""
        budget = Budget(self._file)
        number = 0
        yield self.schema.serialize().to_pybytes()
        for message in self._messages:
            first = number
            if message.kind == BATCH:
                number += message.rows
                if first >= stop:
                    break
                if first < start or not message.rows:
                    continue
                numbers.append(first)
            elif message.kind != DICTIONARY:
                raise ValueError("it has a message that is no batch of rows")
            self._raw.seek(message.offset)
            body = self._raw.read(message.size)
            if len(body) < message.size:
                raise EOFError("truncated")
            budget.take(message.decoded(body))
            yield message.head
            yield body
        yield END


class _Served(io.RawIOBase):
    """A file object whose reads are joined from pieces. Arrow reads each message with few calls, without a copy."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece, self._position = pieces, memoryview(b""), 0

    def read(self, size: int = -1) -> Any:
        parts = []
        while size:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
                if not self._piece:
                    break
            parts.append(self._piece[:size])
            size -= len(parts[-1])
            self._piece = self._piece[len(parts[-1]) :]
            self._position += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    read_buffer = read

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True


# -- values -----------------------------------------------------------------------------------------------


def _rows(batch: Any, number: int, text: str, budget: Budget) -> Iterator[Record | Lost]:
    """Yield the records of a batch whose first row has the given number. Raises ValueError if the batch is damaged."""
    budget.take(8 * batch.num_rows)
    batch, doubtful = _validated(batch)
    size = _value_bytes(batch.to_struct_array())
    budget.take(size)
    step = max(1, min(_ROWS, BATCH_BYTES * batch.num_rows // max(1, size)))
    for low in range(0, batch.num_rows, step):
        rows = batch_rows(batch.slice(low, step), number + low, text)
        yield from (_decoded(row, doubtful) for row in rows) if doubtful else rows


def _validated(batch: Any) -> tuple[Any, list[str]]:
    """Validate a batch. A column with values that are not UTF-8 is returned as bytes, and its name in the list."""
    import pyarrow

    try:
        batch.validate(full=True)
        return batch, []
    except (ValueError, LookupError):
        pass
    as_bytes = {
        pyarrow.string(): pyarrow.binary(),
        pyarrow.large_string(): pyarrow.large_binary(),
        pyarrow.string_view(): pyarrow.binary_view(),
    }
    doubtful = []
    for index, field in enumerate(batch.schema):
        if field.type in as_bytes:
            try:
                batch.column(index).validate(full=True)
            except (ValueError, LookupError):
                batch = batch.set_column(index, field.name, batch.column(index).view(as_bytes[field.type]))
                doubtful.append(field.name)
    batch.validate(full=True)
    return batch, doubtful


def _decoded(row: Record | Lost, names: list[str]) -> Record | Lost:
    """Return a record with the bytes of some of its fields as text."""
    if isinstance(row, Lost):
        return row
    try:
        texts = {name: None if row.value[name] is None else row.value[name].decode() for name in names}
    except UnicodeDecodeError:
        return Lost(row.key, "invalid UTF-8", sum(len(row.value[name] or b"") for name in names))
    return Record(row.key, row.value | texts)


def _value_bytes(array: Any) -> int:
    """Return an upper bound of the bytes of the values of a valid array."""
    import pyarrow
    import pyarrow.compute
    from pyarrow import types

    kind, count = array.type, len(array)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return _value_bytes(array.storage)
    if types.is_dictionary(kind):
        values = array.dictionary
        text = types.is_string(values.type) or types.is_large_string(values.type)
        widest = pyarrow.compute.max(pyarrow.compute.binary_length(values)).as_py() if text else _value_bytes(values)
        return count * (8 + (widest or 0))
    if types.is_struct(kind):
        return 8 * count + sum(map(_value_bytes, array.flatten()))
    if types.is_map(kind):
        first, last = (array.offsets[index].as_py() for index in (0, count))
        return 8 * count + sum(_value_bytes(part.slice(first, last - first)) for part in (array.keys, array.items))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return 8 * count + _value_bytes(array.flatten())
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return 8 * count + _viewed(array)
    return 8 * count + int(array.nbytes)


def _viewed(array: Any) -> int:
    """Return the bytes of the values of an array of views, which may all refer to the same bytes."""
    import numpy as np

    views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)[array.offset : array.offset + len(array)]
    return int(views[:, 0].astype(np.int64)[array.is_valid().to_numpy(zero_copy_only=False)].sum())


def _unread(kind: Any) -> str:
    """Return the name of a type, in an Arrow type, whose values are not read; "" if there is none."""
    import pyarrow
    from pyarrow import types

    unread = (types.is_run_end_encoded, types.is_union, types.is_list_view, types.is_large_list_view)
    if any(test(kind) for test in unread):
        return str(kind)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return _unread(kind.storage_type)
    if types.is_dictionary(kind):
        return _unread(kind.value_type)
    inner = (kind.field(number).type for number in range(kind.num_fields))
    return next(filter(None, map(_unread, inner)), "")
