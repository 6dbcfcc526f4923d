"""Pre-tokenized files: ids that others made, taken in as a part of a tokens folder.

    .parquet    a column of lists of ids; columns named as in the index (id, source, language, ...) are kept
    .npy        one array of integers: a list of ids for each of its rows if it has two dimensions, else one list
    .bin        bare ids (nanoGPT, OLMo, `numpy.tofile`), or llm.c's with their header: one list

A tokens folder holds documents without BOS and EOS, since packing puts them there: where they stand in a list they
end a document, and are taken out and counted. A list without any is one document. Every id is held against the
vocabulary before it is narrowed; bare ids that were written as another type than the vocabulary's are refused
where that shows (every second id of u32 read as u16 is 0), since nothing else in such a file would tell.

Memory: a chunk of 16 million ids, or the longest document of a list, and the index.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sharding.errors import InputError
from sharding.exports.llmc import HEADERS
from sharding.layout import Ids, dtype_for
from sharding.packing.planner import INDEX
from sharding.packing.write import Sink

SUFFIXES = (".parquet", ".npy", ".bin")
ID_COLUMNS = ("input_ids", "tokens", "token_ids", "ids")
TEXT_COLUMNS = ("id", "source", "language", "category", "license", "url", "cluster")
CHUNK_IDS = 1 << 24
CHUNK_LINES = 1 << 14

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IdRange:
    """What must be known of a tokenizer. `token_bytes`, `token_chars`: of each id, 0 for special ones."""

    size: int
    bos: int | None
    eos: int | None
    token_bytes: npt.NDArray[np.int32]
    token_chars: npt.NDArray[np.int32]


@dataclass
class Imported:
    """What one file gave: the part's index (`planner.INDEX`), and the specials that were taken out of its ids."""

    index: pa.Table
    tokens: int
    specials: dict[str, int] = field(default_factory=dict)


class _Chunk(NamedTuple):
    """Consecutive lists of ids, one after the other, and what stands beside each of them."""

    ids: Ids
    lengths: Int
    columns: dict[str, list[Any]]


def import_ids(
    path: Path, vocabulary: IdRange, labels: Mapping[str, str], sink: Sink, *, column: str | None = None
) -> Imported:
    """Write the ids of one file to `sink` as a part's `.bin`, and return its index.

    labels: source, language and category of documents whose file doesn't say; column: of the ids in Parquet, else
    the first of `ID_COLUMNS` there is. Raises InputError, naming file and line, for what can't be read, ids that
    aren't in the vocabulary, or ids of another type.
    """
    dtype = np.dtype(dtype_for(vocabulary.size))
    specials = {name: one for name in ("bos", "eos") if (one := getattr(vocabulary, name)) is not None}
    documents = _Documents(path.name, labels)
    imported = Imported(pa.table({}), 0, dict.fromkeys(specials, 0))
    for chunk in _chunks(path, dtype, column, list(specials.values())):
        _check(path, chunk, documents.lists, vocabulary.size)
        ids = chunk.ids.astype(dtype, copy=False)
        special = np.zeros(len(ids), np.bool_)
        for name, one in specials.items():
            here = ids == one
            imported.specials[name] += int(np.count_nonzero(here))
            special |= here
        kept = ids[~special]
        documents.add(chunk, special, vocabulary.token_bytes[kept], vocabulary.token_chars[kept])
        sink.write(np.ascontiguousarray(kept).data)
        imported.tokens += len(kept)
    imported.index = documents.table()
    return imported


def _chunks(path: Path, dtype: np.dtype[Any], column: str | None, specials: Sequence[int]) -> Iterator[_Chunk]:
    if path.suffix == ".parquet":
        yield from _read_parquet(path, column)
        return
    ids = _open_npy(path) if path.suffix == ".npy" else _open_bin(path, dtype)
    if ids.ndim == 2:
        rows = max(CHUNK_IDS // max(ids.shape[1], 1), 1)
        for first in range(0, len(ids), rows):
            some = ids[first : first + rows]
            yield _Chunk(some.reshape(-1), np.full(len(some), ids.shape[1], np.int64), {})
    else:
        for some in _whole_documents(ids, specials):
            yield _Chunk(some, np.array([len(some)]), {})


def _whole_documents(ids: Ids, specials: Sequence[int]) -> Iterator[Ids]:
    """Cut one long list after BOS or EOS, into about `CHUNK_IDS` each, more only where a document is longer."""
    first = 0
    while first < len(ids):
        stop = first
        while stop < len(ids):
            looked, stop = stop, min(stop + CHUNK_IDS, len(ids))
            ends = np.flatnonzero(np.isin(ids[looked:stop], specials))
            if len(ends) and stop < len(ids):
                stop = looked + int(ends[-1]) + 1
                break
        yield ids[first:stop]
        first = stop


def _read_parquet(path: Path, column: str | None) -> Iterator[_Chunk]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = file.schema_arrow.names
        chosen = column or next((name for name in ID_COLUMNS if name in names), None)
        if chosen is None or chosen not in names:
            raise InputError(f"{path} has no column {column or ' or '.join(ID_COLUMNS)!r}, only {', '.join(names)}")
        kind = file.schema_arrow.field(chosen).type
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not lists or not pa.types.is_integer(kind.value_type):
            raise InputError(f"{path}: column {chosen!r} holds {kind}; lists of integer ids are wanted")
        wanted = [name for name in TEXT_COLUMNS if name in names]
        line = 0
        for batch in _batches(file, chosen, [chosen, *wanted]):
            cells = batch[chosen]
            values = cells.flatten()
            if cells.null_count or values.null_count:
                raise InputError(f"{path}, lines {line} to {line + len(batch) - 1}: an id in {chosen!r} is null")
            columns = {name: pc.cast(batch[name], pa.string()).to_pylist() for name in wanted}
            lengths = pc.list_value_length(cells).to_numpy(zero_copy_only=False).astype(np.int64)
            yield _Chunk(values.to_numpy(zero_copy_only=False), lengths, columns)
            line += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} can't be read as Parquet ({error}): fetch it again") from None


def _batches(file: pq.ParquetFile, ids: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of about `CHUNK_IDS` ids, of at most `CHUNK_LINES` lists."""
    for group in range(file.num_row_groups):
        metadata = file.metadata.row_group(group)
        found = [metadata.column(number) for number in range(metadata.num_columns)]
        values = max(one.num_values for one in found if one.path_in_schema.split(".")[0] == ids)
        lines = max(1, min(CHUNK_LINES, CHUNK_IDS * metadata.num_rows // max(1, values)))
        yield from file.iter_batches(lines, [group], columns=columns)


def _open_npy(path: Path) -> Ids:
    try:
        with path.open("rb") as file:  # numpy multiplies what the header says, and may overflow
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > path.stat().st_size - file.tell():
                raise ValueError("its header speaks of more than it holds")
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except (
        ValueError,
        OSError,
        EOFError,
        SyntaxError,
        TokenError,
        MemoryError,
        OverflowError,
        RecursionError,
        TypeError,
    ) as error:
        raise InputError(
            f"{path} can't be read as .npy ({error}): OLMo's bare ids of that name are .bin here"
        ) from None
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2):
        raise InputError(f"{path} holds {ids.dtype} in {ids.ndim} dimensions; integers in one or two are wanted")
    if ids.ndim == 2 and len(ids) and not ids.shape[1]:
        raise InputError(f"{path} holds {len(ids):,} lists of no ids: leave it out")
    return ids  # type: ignore[no-any-return]


def _open_bin(path: Path, dtype: np.dtype[Any]) -> Ids:
    size = path.stat().st_size
    skip = 0
    if size >= 1024:
        magic, version, count = np.fromfile(path, "<i4", 3).tolist()
        for written, known in HEADERS.items():
            if (magic, version) == known:
                skip, dtype = 1024, np.dtype(written)
                if size != skip + count * dtype.itemsize:
                    raise InputError(f"{path} has {size} bytes, its header speaks of {count} ids: fetch it again")
    if size % dtype.itemsize:
        raise InputError(f"{path} has {size} bytes, no whole number of {dtype.itemsize}-byte ids: fetch it again")
    if size == skip:
        return np.zeros(0, dtype)
    ids: Ids = np.memmap(path, dtype, "r", offset=skip)
    head = ids[: 1 << 12]
    if not skip and dtype.itemsize == 2 and len(head) > 1 and not head[1::2].any():
        raise InputError(f"{path}: every second id is 0, as in ids of 4 bytes each: save them as .npy, which says so")
    return ids


def _check(path: Path, chunk: _Chunk, first: int, size: int) -> None:
    if len(chunk.ids) and (int(chunk.ids.max()) >= size or int(chunk.ids.min()) < 0):
        at = int(np.argmax((chunk.ids >= size) | (chunk.ids < 0)))
        number = first + int(np.searchsorted(np.cumsum(chunk.lengths), at, side="right"))
        raise InputError(
            f"{path}, list {number}: id {int(chunk.ids[at])} is not in the vocabulary of {size}: name the tokenizer "
            "that the ids were made with"
        )


class _Documents:
    """The index of a part, gathered chunk by chunk."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self._name = name
        self._labels = labels
        self._columns: dict[str, list[Any]] = {name: [] for name in TEXT_COLUMNS}
        self._numbers: dict[str, list[Int]] = {name: [] for name in ("tokens", "bytes", "chars")}
        self.lists = 0

    def add(self, chunk: _Chunk, special: npt.NDArray[np.bool_], text_bytes: Ids, chars: Ids) -> None:
        """Enter the documents of a chunk. text_bytes, chars: of each id that is kept.

        A document begins with each list and after each special; what holds no id is none, unless its whole list
        holds none: that one is an empty document.
        """
        ends = np.cumsum(chunk.lengths)
        marks = np.concatenate([ends - chunk.lengths, np.flatnonzero(special) + 1])
        starts = np.unique(marks[marks < len(special)])
        kept = np.append(0, np.cumsum(~special))
        tokens = np.diff(kept[np.append(starts, len(special))])
        starts, tokens = starts[tokens > 0], tokens[tokens > 0]
        of = np.searchsorted(ends, starts, side="right")  # the list of each document
        empty = np.setdiff1d(np.arange(len(ends)), of)
        order = np.argsort(np.concatenate([of, empty]), kind="stable")
        sizes = {"tokens": tokens}
        for name, each in (("bytes", text_bytes), ("chars", chars)):
            sizes[name] = np.add.reduceat(each, kept[starts], dtype=np.int64) if len(starts) else tokens
        for name, values in sizes.items():
            self._numbers[name].append(np.concatenate([values, np.zeros(len(empty), np.int64)])[order])
        self._label(chunk, np.concatenate([of, empty])[order])
        self.lists += len(ends)

    def _label(self, chunk: _Chunk, of: Int) -> None:
        """Names and labels of documents, given the list of each: an id of the list's own, else a number."""
        piece, last = 0, -1
        for number in of.tolist():
            piece, last = (piece + 1 if number == last else 0), number
            cells = {name: column[number] for name, column in chunk.columns.items() if column[number] is not None}
            known = {**self._labels, **cells}
            if "id" in cells:
                known["id"] += f"#{piece}" if piece else ""
            else:
                known["id"] = f"{known['source']}/{self._name}/{len(self._columns['id'])}"
            known.setdefault("cluster", known["id"])
            for column, values in self._columns.items():
                values.append(known.get(column))

    def table(self) -> pa.Table:
        numbers = {name: np.concatenate([np.zeros(0, np.int64), *parts]) for name, parts in self._numbers.items()}
        return pa.table(
            {**self._columns, "offset": np.cumsum(numbers["tokens"]) - numbers["tokens"], **numbers}, INDEX
        )
