"""What the readers of columnar files share: a budget of memory, the fields of a schema, and the records of a batch."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File
from corpora.reading.formats import Format, Lost, Record
from corpora.reading.streams import BOMB_FLOOR, BOMB_RATIO

BATCH_BYTES = 8 << 20
"""Target size of a batch of rows."""

PARQUET_FAULTS = (OSError, EOFError, ValueError, NotImplementedError, LookupError, MemoryError, OverflowError)
"""Exceptions that Arrow raises on a damaged file. A flipped bit in a size can cause MemoryError."""

_VALUE_FAULTS = (ValueError, ArithmeticError, LookupError, TypeError)
"""Exceptions of Arrow for a value that Python does not have: a date in the year 20,000, an unknown time zone."""


class Table(Format):
    """A columnar file.

    text     column by whose bytes the file is split; `Record.text` and `Record.size` are its values
    columns  columns to read if the file has them; all columns if empty
    """

    def __init__(self, text: str, columns: tuple[str, ...] = ()) -> None:
        self.text = text
        self.columns = columns

    @abc.abstractmethod
    def schema(self, file: File) -> dict[str, Any]:
        """Return column -> Arrow type, and the same for the fields of objects in columns: {"meta.url": string}.

        Raises BadInput if the file can't be read.
        """

    def chosen(self, file: File, names: list[str]) -> list[str]:
        """Return the columns to read, of all columns of a file. Raises BadInput if two of them have the same name."""
        columns = [name for name in names if not self.columns or name in self.columns]
        repeated = next((name for name in columns if columns.count(name) > 1), None)
        if repeated is not None:
            mend = "rename one of them, since either may be meant"
            raise BadInput(file.path, f"has {columns.count(repeated)} columns called {repeated!r}", mend=mend)
        return columns


def field_types(fields: Any) -> Iterator[tuple[str, Any]]:
    """Yield (path, type) of the fields of a schema or struct type, and of the fields in them."""
    import pyarrow

    for field in fields:
        yield field.name, field.type
        if pyarrow.types.is_struct(field.type):
            yield from ((f"{field.name}.{path}", type_) for path, type_ in field_types(field.type))


class Budget:
    """The number of bytes to which a file may expand. The limit is that of compressed streams."""

    def __init__(self, file: File) -> None:
        self._file, self._left = file, max(BOMB_FLOOR, BOMB_RATIO * file.size)

    def take(self, size: int) -> None:
        """Subtract `size` bytes. Raises BadInput if they exceed the budget."""
        self.check(size)
        self._left -= size

    def check(self, size: int) -> None:
        """Raise BadInput if `size` bytes exceed the budget."""
        if size > self._left:
            raise BadInput(
                self._file.path,
                f"expands more than {BOMB_RATIO}-fold, unlike any text",
                mend="if it is valid, write it again without compression",
            )


def batch_rows(batch: Any, number: int, text: str) -> Iterator[Record | Lost]:
    """Yield the records of a batch. Memory is released early, since a row may be a text of 100 MB.

    batch   an Arrow record batch
    number  number of its first row in the file
    text    name of the text column
    """
    import pyarrow

    batch = _microseconds(batch)
    try:
        values = batch.to_pylist()
    except _VALUE_FAULTS:  # Arrow does not validate values when it reads them: find the rows
        for index in range(batch.num_rows):
            yield _one_row(batch.slice(index, 1), number + index)
        return
    sizes = _sizes(batch, text)
    large = batch.nbytes > BATCH_BYTES
    del batch
    if large:
        pyarrow.default_memory_pool().release_unused()
    values.reverse()
    for key, size in enumerate(sizes, number):
        yield _row(key, values.pop(), text, size)


def _microseconds(batch: Any) -> Any:
    """Return a batch without timestamps in nanoseconds, whose values depend on whether pandas is installed."""
    import pyarrow

    for index, field in enumerate(batch.schema):
        if pyarrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = batch.column(index).cast(pyarrow.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(index, field.name, column)
    return batch


def _one_row(row: Any, key: int) -> Record | Lost:
    """Return the record of a batch of one row, or the column that can't be read."""
    value = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            value[name] = column.to_pylist()[0]
        except UnicodeDecodeError:
            return Lost(key, "invalid UTF-8", row.nbytes)
        except _VALUE_FAULTS:
            return Lost(key, f"{name} is out of range", row.nbytes)
    return Record(key, value)


def _row(key: int, value: dict[str, Any], text: str, size: int | None) -> Record:
    return Record(key, value) if size is None else Record(key, value, text=value[text], size=size)


def _sizes(batch: Any, text: str) -> list[int | None]:
    """Return the bytes of each row's text: None if it is null or the batch has no string column `text`."""
    import pyarrow
    import pyarrow.compute

    column = batch.schema.get_field_index(text)
    kind = batch.schema.field(column).type if column >= 0 else None
    if kind in (pyarrow.string(), pyarrow.large_string()):
        sizes: list[int | None] = pyarrow.compute.binary_length(batch.column(column)).to_pylist()
        return sizes
    return [None] * batch.num_rows
