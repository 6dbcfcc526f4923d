"""Import of pre-tokenized files: ids from other programs, written as a part of a tokens folder.

    .parquet    a column of lists of ids; columns named as in the index (id, source, language, ...) are kept
    .npy        an array of integers: with two dimensions each row is a list of ids, with one it is a single list
    .bin        ids without a header (nanoGPT, OLMo, `numpy.tofile`), or with the header of llm.c: a single list

A tokens folder contains documents without BOS and EOS, because packing adds them. BOS and EOS in a list end a
document; they are removed and counted. A list without them is one document. Every id is compared with the vocabulary
before it is narrowed. A file without a header does not record its dtype, so a file of another dtype is refused if it
can be detected (every second id of u32 read as u16 is 0).

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
    """The vocabulary of a tokenizer.

    size: number of ids; bos, eos: ids or None; token_bytes, token_chars: UTF-8 bytes and characters of each id, 0 for
    special tokens, int32, (size,).
    """

    size: int
    bos: int | None
    eos: int | None
    token_bytes: npt.NDArray[np.int32]
    token_chars: npt.NDArray[np.int32]


@dataclass
class Imported:
    """The result of importing one file.

    index: of the part (`planner.INDEX`); tokens: number of ids written; specials: removed BOS and EOS, by name.
    """

    index: pa.Table
    tokens: int
    specials: dict[str, int] = field(default_factory=dict)


class _Chunk(NamedTuple):
    """Consecutive lists of ids.

    ids: of all lists, concatenated; lengths: of each list, (lists,); columns: values of other columns, by name.
    """

    ids: Ids
    lengths: Int
    columns: dict[str, list[Any]]


def import_ids(
    path: Path, vocabulary: IdRange, labels: Mapping[str, str], sink: Sink, *, column: str | None = None
) -> Imported:
    """Write the ids of one file to `sink` as the `.bin` of a part, and return its index.

    labels: source, language and category of documents, unless the file has these columns; column: the column of ids in
    Parquet, or None for the first existing one of `ID_COLUMNS`. Raises InputError, which names the file and the line,
    for an unreadable file, ids outside of the vocabulary, and ids of another dtype.
    """
    dtype = np.dtype(dtype_for(vocabulary.size))
    specials = {name: special for name in ("bos", "eos") if (special := getattr(vocabulary, name)) is not None}
    documents = _Documents(path.name, labels)
    imported = Imported(pa.table({}), 0, dict.fromkeys(specials, 0))
    for chunk in _chunks(path, dtype, column, list(specials.values())):
        _check(path, chunk, documents.lists, vocabulary.size)
        ids = chunk.ids.astype(dtype, copy=False)
        is_special = np.zeros(len(ids), np.bool_)
        for name, special in specials.items():
            matches = ids == special
            imported.specials[name] += int(np.count_nonzero(matches))
            is_special |= matches
        kept = ids[~is_special]
        documents.add(chunk, is_special, vocabulary.token_bytes[kept], vocabulary.token_chars[kept])
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
            lists = ids[first : first + rows]
            yield _Chunk(lists.reshape(-1), np.full(len(lists), ids.shape[1], np.int64), {})
    else:
        for documents in _whole_documents(ids, specials):
            yield _Chunk(documents, np.array([len(documents)]), {})


def _whole_documents(ids: Ids, specials: Sequence[int]) -> Iterator[Ids]:
    """Split one list after a BOS or EOS into chunks of about `CHUNK_IDS` ids; only a longer document exceeds this."""
    first = 0
    while first < len(ids):
        stop = first
        while stop < len(ids):
            searched, stop = stop, min(stop + CHUNK_IDS, len(ids))
            ends = np.flatnonzero(np.isin(ids[searched:stop], specials))
            if len(ends) and stop < len(ids):
                stop = searched + int(ends[-1]) + 1
                break
        yield ids[first:stop]
        first = stop


def _read_parquet(path: Path, column: str | None) -> Iterator[_Chunk]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = file.schema_arrow.names
        chosen = column or next((name for name in ID_COLUMNS if name in names), None)
        if chosen is None or chosen not in names:
            raise InputError(f"{path} has no column {column or ' or '.join(ID_COLUMNS)!r}; it has {', '.join(names)}")
        kind = file.schema_arrow.field(chosen).type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if not is_list or not pa.types.is_integer(kind.value_type):
            raise InputError(f"{path}: column {chosen!r} holds {kind}; it must hold lists of integer ids")
        kept = [name for name in TEXT_COLUMNS if name in names]
        line = 0
        for batch in _batches(file, chosen, [chosen, *kept]):
            cells = batch[chosen]
            values = cells.flatten()
            if cells.null_count or values.null_count:
                raise InputError(
                    f"{path}, lines {line} to {line + len(batch) - 1}: an id in {chosen!r} is null; remove the line"
                )
            columns = {name: pc.cast(batch[name], pa.string()).to_pylist() for name in kept}
            lengths = pc.list_value_length(cells).to_numpy(zero_copy_only=False).astype(np.int64)
            yield _Chunk(values.to_numpy(zero_copy_only=False), lengths, columns)
            line += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error}): fetch it again") from None


def _batches(file: pq.ParquetFile, ids: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of about `CHUNK_IDS` ids and at most `CHUNK_LINES` lists."""
    for group in range(file.num_row_groups):
        metadata = file.metadata.row_group(group)
        columns_of_group = [metadata.column(number) for number in range(metadata.num_columns)]
        values = max(item.num_values for item in columns_of_group if item.path_in_schema.split(".")[0] == ids)
        lines = max(1, min(CHUNK_LINES, CHUNK_IDS * metadata.num_rows // max(1, values)))
        yield from file.iter_batches(lines, [group], columns=columns)


def _open_npy(path: Path) -> Ids:
    try:
        with path.open("rb") as file:  # numpy multiplies the shape in the header, which may overflow
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > path.stat().st_size - file.tell():
                raise ValueError("its header describes more data than the file has")
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
            f"{path} cannot be read as .npy ({error}): rename .npy files without a header (OLMo) to .bin"
        ) from None
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2):
        raise InputError(f"{path} holds {ids.dtype} in {ids.ndim} dimensions; it must hold integers in one or two")
    if ids.ndim == 2 and len(ids) and not ids.shape[1]:
        raise InputError(f"{path} holds {len(ids):,} lists without ids: exclude it")
    return ids  # type: ignore[no-any-return]


def _open_bin(path: Path, dtype: np.dtype[Any]) -> Ids:
    size = path.stat().st_size
    skip = 0
    if size >= 1024:
        magic, version, count = np.fromfile(path, "<i4", 3).tolist()
        for header_dtype, header in HEADERS.items():
            if (magic, version) == header:
                skip, dtype = 1024, np.dtype(header_dtype)
                if size != skip + count * dtype.itemsize:
                    raise InputError(f"{path} has {size} bytes, its header describes {count} ids: fetch it again")
    if size % dtype.itemsize:
        raise InputError(f"{path} has {size} bytes, not a whole number of {dtype.itemsize}-byte ids: fetch it again")
    if size == skip:
        return np.zeros(0, dtype)
    ids: Ids = np.memmap(path, dtype, "r", offset=skip)
    head = ids[: 1 << 12]
    if not skip and dtype.itemsize == 2 and len(head) > 1 and not head[1::2].any():
        raise InputError(f"{path}: every second id is 0, as if ids had 4 bytes: save them as .npy, which has a dtype")
    return ids


def _check(path: Path, chunk: _Chunk, first: int, size: int) -> None:
    if len(chunk.ids) and (int(chunk.ids.max()) >= size or int(chunk.ids.min()) < 0):
        index = int(np.argmax((chunk.ids >= size) | (chunk.ids < 0)))
        number = first + int(np.searchsorted(np.cumsum(chunk.lengths), index, side="right"))
        raise InputError(
            f"{path}, list {number}: id {int(chunk.ids[index])} is not in the vocabulary of {size}: give the "
            "tokenizer that the ids were made with"
        )


class _Documents:
    """The index of a part, built chunk by chunk."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self._name = name
        self._labels = labels
        self._columns: dict[str, list[Any]] = {name: [] for name in TEXT_COLUMNS}
        self._numbers: dict[str, list[Int]] = {name: [] for name in ("tokens", "bytes", "chars")}
        self.lists = 0

    def add(self, chunk: _Chunk, special: npt.NDArray[np.bool_], text_bytes: Ids, chars: Ids) -> None:
        """Add the documents of a chunk.

        special: True for BOS and EOS, (ids,); text_bytes, chars: of each id that is kept. A document begins with each
        list and after each special id. A document without ids is ignored, but a list without ids is an empty document.
        """
        ends = np.cumsum(chunk.lengths)
        marks = np.concatenate([ends - chunk.lengths, np.flatnonzero(special) + 1])
        starts = np.unique(marks[marks < len(special)])
        kept = np.append(0, np.cumsum(~special))
        tokens = np.diff(kept[np.append(starts, len(special))])
        starts, tokens = starts[tokens > 0], tokens[tokens > 0]
        list_of = np.searchsorted(ends, starts, side="right")  # the list of each document
        empty = np.setdiff1d(np.arange(len(ends)), list_of)
        order = np.argsort(np.concatenate([list_of, empty]), kind="stable")
        sizes = {"tokens": tokens}
        for name, per_id in (("bytes", text_bytes), ("chars", chars)):
            sizes[name] = np.add.reduceat(per_id, kept[starts], dtype=np.int64) if len(starts) else tokens
        for name, values in sizes.items():
            self._numbers[name].append(np.concatenate([values, np.zeros(len(empty), np.int64)])[order])
        self._label(chunk, np.concatenate([list_of, empty])[order])
        self.lists += len(ends)

    def _label(self, chunk: _Chunk, list_of: Int) -> None:
        """Add ids and labels of documents. `list_of`: the list of each. An id is that of its list, or a number."""
        piece, last = 0, -1
        for number in list_of.tolist():
            piece, last = (piece + 1 if number == last else 0), number
            cells = {name: column[number] for name, column in chunk.columns.items() if column[number] is not None}
            line = {**self._labels, **cells}
            if "id" in cells:
                line["id"] += f"#{piece}" if piece else ""
            else:
                line["id"] = f"{line['source']}/{self._name}/{len(self._columns['id'])}"
            line.setdefault("cluster", line["id"])
            for column, values in self._columns.items():
                values.append(line.get(column))

    def table(self) -> pa.Table:
        """Return the index of all documents that were added."""
        numbers = {name: np.concatenate([np.zeros(0, np.int64), *parts]) for name, parts in self._numbers.items()}
        return pa.table(
            {**self._columns, "offset": np.cumsum(numbers["tokens"]) - numbers["tokens"], **numbers}, INDEX
        )
