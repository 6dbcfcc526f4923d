"""Files of ids that other programs wrote, read in chunks.

    .parquet, .arrow   a column of lists of ids, and columns beside it: labels of the document, and marks of each id
                       (`id_marks`). `datasets.save_to_disk` writes .arrow
    .npy               an array of integers: with two dimensions each row is a list of ids, with one it is one list
    .bin               ids without a header (nanoGPT, OLMo, `numpy.tofile`), or with the header of llm.c: one list;
                       with Megatron-LM's index `NAME.idx` beside it, each document is a list

A .bin without header and index does not record the width of its ids. It is the largest width with which all sampled
ids are in the vocabulary: of ids read in less than their width every second one is 0, and in more they are too large.

Memory: a chunk of 16 million ids, or the longest document of a list.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
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
from sharding.layout import Ids
from sharding.packing.id_marks import MARKS, is_unknown_mark

SUFFIXES = (".parquet", ".arrow", ".npy", ".bin")
ID_COLUMNS = ("input_ids", "tokens", "token_ids", "ids")
TEXT_COLUMNS = ("id", "source", "language", "category", "license", "url", "cluster")
CHUNK_IDS = 1 << 24
CHUNK_LINES = 1 << 14
SAMPLED = 1 << 16
"""Ids at the beginning, in the middle and at the end of a .bin that show the width of its ids."""
DISTINCT = 16
"""Ids that determine a width: so many ids of less than a width are not every second one 0 by chance."""
MEGATRON = b"MMIDIDX\x00\x00"
DTYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
"""Integer dtypes by their code in Megatron-LM's index."""

Int = npt.NDArray[np.int64]


class Chunk(NamedTuple):
    """Consecutive lists of ids.

    ids: of all lists, concatenated; lengths: of each list, (lists,); columns: values of other columns, by name;
    marks: values of each id, by the name of their column, (ids,) each.
    """

    ids: Ids
    lengths: Int
    columns: dict[str, list[Any]]
    marks: dict[str, npt.NDArray[Any]]


def read_chunks(path: Path, size: int, column: str | None, specials: Sequence[int]) -> Iterator[Chunk]:
    """Yield the lists of ids of a file.

    size: of the vocabulary; column: the column of ids, or None for the first existing one of `ID_COLUMNS`; specials:
    ids that end a document, at which one list is divided. Raises InputError that names the file, and the place in it.
    """
    if path.suffix in (".parquet", ".arrow"):
        yield from _read_table(path, column)
        return
    if path.suffix == ".bin" and (index := index_beside(path)) is not None:
        yield from _read_megatron(path, index)
        return
    ids = _open_npy(path) if path.suffix == ".npy" else _open_bin(path, size)
    if ids.ndim == 2:
        rows = max(CHUNK_IDS // max(ids.shape[1], 1), 1)
        for first in range(0, len(ids), rows):
            lists = ids[first : first + rows]
            yield Chunk(lists.reshape(-1), np.full(len(lists), ids.shape[1], np.int64), {}, {})
    else:
        for documents in _whole_documents(ids, specials):
            yield Chunk(documents, np.array([len(documents)]), {}, {})


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


# -- tables -----------------------------------------------------------------------------------------------


def _read_table(path: Path, column: str | None) -> Iterator[Chunk]:
    try:
        is_parquet = path.suffix == ".parquet"
        file: Any = pq.ParquetFile(path, page_checksum_verification=True) if is_parquet else _open_arrow(path)
        schema = file.schema_arrow if is_parquet else file.schema
        names = schema.names
        chosen = column or next((name for name in ID_COLUMNS if name in names), None)
        if chosen is None or chosen not in names:
            raise InputError(f"{path} has no column {column or ' or '.join(ID_COLUMNS)!r}; it has {', '.join(names)}")
        if not _is_list(schema.field(chosen).type):
            kind = schema.field(chosen).type
            raise InputError(f"{path}: column {chosen!r} holds {kind}; it must hold lists of integer ids")
        kept, marks = _columns_beside(path, schema, chosen)
        read = [chosen, *kept, *marks]
        line = 0
        for batch in _batches(file, chosen, read) if is_parquet else _arrow_batches(file, read):
            yield _chunk(path, batch, chosen, kept, marks, line)
            line += len(batch)
    except (pa.ArrowException, OSError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "Arrow"
        raise InputError(f"{path} cannot be read as {kind} ({error}): fetch it again") from None


def _is_list(kind: pa.DataType, *, of_ids: bool = True) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    allowed = [pa.types.is_integer] if of_ids else [pa.types.is_integer, pa.types.is_boolean, pa.types.is_floating]
    return bool(is_list) and any(test(kind.value_type) for test in allowed)


def _columns_beside(path: Path, schema: pa.Schema, ids: str) -> tuple[list[str], list[str]]:
    """Return the columns of labels, and those of marks. Raises InputError for one of another type."""
    kept = [name for name in TEXT_COLUMNS if name in schema.names]
    for name in kept:
        if pa.types.is_nested(schema.field(name).type):
            raise InputError(
                f"{path}: column {name!r} holds {schema.field(name).type}, and must hold one text a line; rename it"
            )
    marks = []
    for field in schema:
        if field.name != ids and _is_list(field.type, of_ids=False):
            if is_unknown_mark(field.name):
                raise InputError(
                    f"{path}: column {field.name!r} holds a value for each id, and is not known: remove it, or "
                    f"name it {' or '.join(MARKS)}"
                )
            if field.name in MARKS:
                marks.append(field.name)
    return kept, marks


def _chunk(path: Path, batch: pa.RecordBatch, ids: str, kept: list[str], marks: list[str], line: int) -> Chunk:
    """Return the lists of a batch whose first line has the number `line`. Raises InputError for nulls."""
    values = _values(path, batch, ids, line)
    columns = {name: pc.cast(batch[name], pa.string()).to_pylist() for name in kept}
    lengths = _lengths(batch[ids])
    marked = {}
    for name in marks:
        marked[name] = _values(path, batch, name, line)
        other = _lengths(batch[name])
        if (wrong := np.flatnonzero(other != lengths)).size:
            first = int(wrong[0])
            raise InputError(
                f"{path}, line {line + first}: {name!r} has {other[first]} values and {ids!r} has {lengths[first]}; "
                "make both of one length, or remove the column"
            )
    return Chunk(values, lengths, columns, marked)


def _lengths(cells: pa.Array) -> Int:
    lengths: Int = pc.list_value_length(cells).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _values(path: Path, batch: pa.RecordBatch, name: str, line: int) -> npt.NDArray[Any]:
    cells = batch[name]
    values = cells.flatten()
    if cells.null_count or values.null_count:
        empty = cells.is_null().to_numpy(zero_copy_only=False)
        if not empty.any():
            nulls = values.is_null().to_numpy(zero_copy_only=False)
            empty = np.cumsum(_lengths(cells)) > np.argmax(nulls)
        raise InputError(
            f"{path}, line {line + int(np.argmax(empty))}: {name!r} is null or holds a null; remove the line"
        )
    numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers


def _batches(file: pq.ParquetFile, ids: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of about `CHUNK_IDS` ids and at most `CHUNK_LINES` lists."""
    for group in range(file.num_row_groups):
        metadata = file.metadata.row_group(group)
        columns_of_group = [metadata.column(number) for number in range(metadata.num_columns)]
        values = max(item.num_values for item in columns_of_group if item.path_in_schema.split(".")[0] == ids)
        lines = max(1, min(CHUNK_LINES, CHUNK_IDS * metadata.num_rows // max(1, values)))
        yield from file.iter_batches(lines, [group], columns=columns)


def _open_arrow(path: Path) -> Any:
    """Open an Arrow file: `datasets` writes the form of a stream, others the form with a footer."""
    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_stream(source)


def _arrow_batches(reader: Any, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most `CHUNK_LINES` lists. Raises ArrowInvalid for a batch whose offsets contradict it."""
    is_file = isinstance(reader, pa.ipc.RecordBatchFileReader)
    for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
        chosen = batch.select(columns)
        chosen.validate(full=True)
        for first in range(0, len(chosen), CHUNK_LINES):
            yield chosen.slice(first, CHUNK_LINES)


# -- arrays -----------------------------------------------------------------------------------------------


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
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as .npy ({reason}): rename .npy files without a header (OLMo) to .bin"
        ) from None
    if ids.dtype.kind not in "iu" or ids.ndim not in (1, 2):
        raise InputError(f"{path} holds {ids.dtype} in {ids.ndim} dimensions; it must hold integers in one or two")
    if ids.ndim == 2 and len(ids) and not ids.shape[1]:
        raise InputError(f"{path} holds {len(ids):,} lists without ids: exclude it")
    return ids  # type: ignore[no-any-return]


def _open_bin(path: Path, vocabulary: int) -> Ids:
    size = path.stat().st_size
    if size >= 1024:
        magic, version, count = np.fromfile(path, "<i4", 3).tolist()
        for dtype, header in HEADERS.items():
            if (magic, version) == header:
                if size != 1024 + count * np.dtype(dtype).itemsize:
                    raise InputError(f"{path} has {size} bytes, its header describes {count} ids: fetch it again")
                return _mapped(path, dtype, 1024)
    samples = {width: _sampled(_mapped(path, f"<u{width}")) for width in (8, 4, 2) if size % width == 0}
    possible = [width for width, ids in samples.items() if not len(ids) or int(ids.max()) < vocabulary]
    least = 2 if vocabulary <= 1 << 16 else 4
    if not possible or possible[0] < least:
        seen = f"there is an id {int(samples[least].max())}" if least in samples else f"it has {size} bytes"
        raise InputError(
            f"{path} holds no ids of {least} to 8 bytes below {vocabulary:,} (as {least} bytes {seen}): give the "
            "tokenizer that the ids were made with, save them as .npy, which records the width, or fetch it again"
        )
    width, sample = possible[0], samples[possible[0]]
    ids = _mapped(path, f"<u{width}")
    is_half = 2 * width not in samples and len(ids) > 1 and not ids[1:SAMPLED:2].any()
    is_short = len(possible) > 1 and 0 < len(ids) < DISTINCT
    if is_half or is_short or (len(ids) >= DISTINCT and not sample.any()):
        raise InputError(
            f"{path}: its ids do not determine their width; save them as .npy, which does, or fetch it again"
        )
    return ids


def _mapped(path: Path, dtype: str, skip: int = 0) -> Ids:
    if path.stat().st_size == skip:
        return np.zeros(0, dtype)
    ids: Ids = np.memmap(path, dtype, "r", offset=skip)
    return ids


def _sampled(ids: Ids) -> Ids:
    middle = len(ids) // 2
    return np.concatenate([ids[:SAMPLED], ids[middle : middle + SAMPLED], ids[-SAMPLED:]])


# -- indexes beside a .bin ----------------------------------------------------------------------------------


def index_beside(path: Path) -> Path | None:
    """Return Megatron-LM's index of a .bin, None if there is none. Raises InputError for an index of another form."""
    for other in (path.with_suffix(".seg"), path.with_name("index.json"), path.with_name(f"{path.name}.index")):
        if other.exists():
            what = "a shard of an arcorp dataset" if other.suffix == ".seg" else "a format that is not read"
            raise InputError(
                f"{path} has {other.name} beside it and is {what}: give the documents or ids that it was made from, "
                "or move it to a folder of its own if its ids have no index"
            )
    beside = [other for other in (path.with_suffix(".idx"), path.with_name(f"{path.name}.idx")) if other.exists()]
    return beside[0] if beside else None


def _read_megatron(path: Path, index: Path) -> Iterator[Chunk]:
    """Yield the documents of a file with Megatron-LM's index (megatron.core.datasets.indexed_dataset)."""
    data, size = index.read_bytes(), path.stat().st_size
    try:
        if not data.startswith(MEGATRON):
            raise ValueError("it does not begin as one")
        version, code, sequences, bounds = struct.unpack_from("<QBQQ", data, len(MEGATRON))
        if version != 1 or code not in DTYPES:
            raise ValueError(f"its version is {version} and its dtype {code}")
        start = len(MEGATRON) + 25
        if len(data) < start + sequences * 12 + bounds * 8:
            raise ValueError("it is cut short")
        lengths = np.frombuffer(data, "<i4", sequences, start).astype(np.int64)
        ends = np.frombuffer(data, "<i8", bounds, start + sequences * 12)
        ids = np.append(0, np.cumsum(lengths))
        if lengths.min(initial=0) < 0 or (np.diff(ends) < 0).any() or not bounds or ends[0] or ends[-1] != sequences:
            raise ValueError("its documents contradict its sequences")
        if int(ids[-1]) * np.dtype(DTYPES[code]).itemsize != size:
            raise ValueError(f"it describes {int(ids[-1])} ids of {DTYPES[code]}, and {path.name} has {size} bytes")
    except (ValueError, struct.error) as error:
        raise InputError(
            f"{index} is no index of Megatron-LM of {path.name} ({error}): fetch both again, or move {path.name} to a "
            "folder of its own if its ids have no index"
        ) from None
    tokens, ends = _mapped(path, DTYPES[code]), ids[ends]
    first = 0
    while first < len(ends) - 1:
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + CHUNK_IDS, side="right")) - 1)
        yield Chunk(tokens[ends[first] : ends[last]], np.diff(ends[first : last + 1]), {}, {})
        first = last
