"""Records on disk, divided by ranges of documents: written in any order, read one range after another.

Deciding on duplicates sends what is found of one document to the range of another. Memory is that of a range and of
the buffers, for any number of documents. One file is open at a time.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BUFFER = 1 << 22
"""Bytes of records that are buffered."""

BLOCK = 1 << 20
"""Records that are read at once."""

PAIR = np.dtype(("<i8", (2,)))
"""Two numbers of documents."""

Int = npt.NDArray[np.int64]


def divide(bounds: Int, most: int) -> list[int]:
    """Divide parts into ranges of about `most` documents. Returns the first part of each range, and their number.

    bounds: first document of each part, and the number of documents. A part is not divided. There is a range at least.
    """
    starts, begin = [0], 0
    for part, (first, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        if stop - begin > most and first > begin:
            starts.append(part)
            begin = first
    return [*starts, bounds.size - 1]


class Records:
    """Records of one dtype. They are read in the order in which they were added.

    folder: where the files are; name: that of the files. bounds: first number of each range, and the end of the last.
    """

    def __init__(self, folder: Path, name: str, dtype: Any, bounds: Int) -> None:
        self.bounds, self.dtype = bounds, np.dtype(dtype)
        self.ranges = bounds.size - 1
        self._folder, self._name = folder, name
        self._buffers: list[list[Any]] = [[] for _ in range(self.ranges)]
        self._bytes = 0

    def beside(self, name: str, dtype: Any = PAIR, bounds: Int | None = None) -> Records:
        """Return other records in the same folder, and in the same ranges if no others are given."""
        return Records(self._folder, name, dtype, self.bounds if bounds is None else bounds)

    def add(self, numbers: npt.NDArray[np.integer[Any]], records: npt.NDArray[Any]) -> None:
        """Add records to the ranges of numbers; both (records,). `records` must not be changed later."""
        for index, rows in _by_range(numbers, self.bounds):
            self._buffers[index].append(records if rows is None else records[rows])
        self._bytes += records.nbytes
        if self._bytes > BUFFER:
            for index in range(self.ranges):
                self._flush(index)
            self._bytes = 0

    def _flush(self, index: int) -> None:
        if self._buffers[index]:
            with _appending(self._path(index)) as file:
                for records in self._buffers[index]:
                    file.write(records.tobytes())
            self._buffers[index] = []

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._name}-{index}"

    def blocks(self, index: int, most: int = BLOCK) -> Iterator[npt.NDArray[Any]]:
        """Yield the records of a range, at most so many at once."""
        self._flush(index)
        if self._path(index).exists():
            yield from blocks_of(self._path(index), self.dtype, most)

    def read(self, index: int) -> npt.NDArray[Any]:
        """Return all records of a range."""
        return np.concatenate([np.zeros(0, self.dtype), *self.blocks(index)])

    def remove(self, index: int) -> None:
        """Remove the records of a range."""
        self._buffers[index] = []
        self._path(index).unlink(missing_ok=True)


def blocks_of(path: Path, dtype: Any, most: int = BLOCK) -> Iterator[npt.NDArray[Any]]:
    """Yield the records of a file, at most so many at once."""
    dtype = np.dtype(dtype)
    for start in range(0, path.stat().st_size, most * dtype.itemsize):
        yield np.fromfile(path, dtype, most, offset=start)


class Strings:
    """Strings of documents, divided like records."""

    def __init__(self, folder: Path, name: str, bounds: Int) -> None:
        self._folder, self._name, self._bounds = folder, name, bounds

    def add(self, numbers: Int, strings: pa.Array) -> None:
        """Add a string for each of some documents. strings: large_string."""
        for index, rows in _by_range(numbers, self._bounds):
            chosen, values = (numbers, strings) if rows is None else (numbers[rows], strings.take(pa.array(rows)))
            batch = pa.record_batch([pa.array(chosen), values], ["number", "string"])
            with _appending(self._path(index)) as file, pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._name}-{index}"

    def read(self, index: int) -> tuple[Int, pa.Array]:
        """Return the documents of a range that have a string, ascending, and their strings."""
        numbers, strings = [np.zeros(0, np.int64)], [pa.array([], pa.large_string())]
        path = self._path(index)
        if path.exists():
            with pa.OSFile(str(path)) as file:
                while file.tell() < file.size():
                    with pa.ipc.open_stream(file) as stream:
                        for batch in stream:
                            numbers.append(batch["number"].to_numpy())
                            strings.append(batch["string"])
        joined = np.concatenate(numbers)
        order = np.argsort(joined, kind="stable")
        return joined[order], pa.concat_arrays(strings).take(pa.array(order))

    def remove(self, index: int) -> None:
        """Remove the strings of a range."""
        self._path(index).unlink(missing_ok=True)


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[BinaryIO]:
    """Open a file to append to it. An error has the name of the file: a disk may be full."""
    try:
        with path.open("ab") as file:
            yield file
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _by_range(
    numbers: npt.NDArray[np.integer[Any]], bounds: Int
) -> Iterator[tuple[int, npt.NDArray[np.int64] | None]]:
    """Yield the ranges that numbers are in, with the indexes of these numbers in order; None for all."""
    if not numbers.size:
        return
    if bounds.size == 2:
        yield 0, None
        return
    ranges = np.searchsorted(bounds[1:-1], numbers, "right").astype(np.min_scalar_type(bounds.size))
    order = np.argsort(ranges, kind="stable")
    present, starts = np.unique(ranges[order], return_index=True)
    for index, (start, stop) in zip(present.tolist(), itertools.pairwise([*starts.tolist(), order.size]), strict=True):
        yield index, order[start:stop]


def pairs_of(first: Sequence[int] | Int, second: Sequence[int] | Int) -> Int:
    """Return two columns as pairs, int64 (pairs, 2)."""
    return np.stack([first, second], axis=1).astype(np.int64, copy=False)
