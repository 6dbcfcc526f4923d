"""Write a shard: its rows, their segments and mask, as a pure function of (plan, split, shard number).

The windows of the shard are packed again (milliseconds each), and their ids are copied from the tokens parts. Each
`ShardWriter` checks the hash of a part once, before it uses its ids, and then maps the file: the rows of a window read
all parts of the window in random order. The memory is one chunk of rows (4 MB), the segments of one window and 24
bytes for each of its documents, for any size of a shard.

The mask of a document with one is that of its ids, 0 for the BOS before them, and what the index has for the EOS after
them. Documents without one are trained on as a whole.

Every id is compared with the vocabulary when it is copied. Input and output have the same dtype, so no id is narrowed.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from sharding import checked
from sharding.layout import SEGMENT, Ids, documents_name
from sharding.packing.index import has_mask
from sharding.packing.plan import Plan, StratumPlan, Window
from sharding.packing.windows import PackedWindow, pack_window
from sharding.seal import Damaged, FileRecord, Sealed, hash_file
from sharding.tables import read_table

CHUNK_BYTES = 1 << 22  # small enough to remain in the cache between copying, hashing and writing
KEPT_TABLES = 16  # document tables in memory: the documents of a window are in a few parts
KEPT_PARTS = 64  # mapped files; each keeps a descriptor, of which a process may have 256

Int = npt.NDArray[np.int64]


class Sink(Protocol):
    """A binary file open for writing, for example a `seal.HashingFile`."""

    def write(self, data: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class ShardCounts:
    """Sizes of a shard, stored in its sidecar.

    max_id: the largest id, including BOS and EOS; cuts: segments that continue a document of a stratum with a mask,
    None if the shard has no mask.
    """

    rows: int
    segments: int
    tokens: int
    max_id: int
    cuts: int | None = None

    def to_json(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: Any) -> ShardCounts:
        """Return the counts in the summary of a sidecar. Raises Damaged if it is invalid."""
        try:
            return cls(**{name: checked.count(number, name) for name, number in value.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise Damaged(f"the summary of a shard is invalid ({error}); pack again with --restart") from None


@dataclass(frozen=True, slots=True)
class _Documents:
    """The location of the ids of documents: int64 arrays of shape (n,)."""

    ordinal: Int
    part: Int
    offset: Int  # first token in the part
    tokens: Int
    ends: Int  # 1 if the EOS is trained on, -1 if the document has no mask

    def __add__(self, other: _Documents) -> _Documents:
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return _Documents(*(np.concatenate(pair) for pair in pairs))


class _Table(NamedTuple):
    """One document table. `groups`: line numbers by (split, stratum)."""

    ordinal: Int
    offset: Int
    tokens: Int
    ends: Int
    groups: dict[tuple[str, str], Int]


class _Pieces(NamedTuple):
    """Segments: index of their document, first index in the rows, first token in the stream, and length; (n,) each."""

    owner: npt.NDArray[np.int32]
    place: Int
    offset: Int
    length: Int


class ShardWriter:
    """Writes shards of one plan. Each process keeps one writer, so that it hashes each part once.

    folder: the dataset folder with its `documents/`; tokens: the open tokens folders, in the order of the plan.
    Raises Damaged if these are not the folders of the plan.
    """

    def __init__(self, plan: Plan, folder: Path, tokens: Sequence[Sealed]) -> None:
        digests = tuple(sealed.digest for sealed in tokens)
        if digests != plan.inputs:
            names = ", ".join(str(sealed.path) for sealed in tokens)
            raise Damaged(f"{folder} was planned from other tokens than {names}; pack again with --restart")
        self._plan = plan
        self._folder = folder
        self._tokens = tokens
        self._first = np.array([part.first for part in plan.parts], np.int64)
        self._table = lru_cache(KEPT_TABLES)(self._read_table)
        self._mapped = lru_cache(KEPT_PARTS)(self._map_file)
        self._verified: set[tuple[int, str]] = set()

    def is_masked(self, split: str, shard: int) -> bool:
        """Return whether a shard has a mask."""
        return self._plan.splits[split].layout.is_masked(shard)

    def write(self, split: str, shard: int, ids: Sink, segments: Sink, mask: Sink | None = None) -> ShardCounts:
        """Write the `.bin` of one shard to `ids`, and its `.seg` to `segments`, sequentially. Returns its sizes.

        mask: for its `.mask`, of a shard that has one.
        Raises Damaged if tokens or document tables changed since they were sealed, or if an id is not in the
        vocabulary; the message names the part and the document.
        """
        layout = self._plan.splits[split].layout
        shard_rows = layout.rows_of(shard)
        rows = count = largest = cuts = 0
        for stratum in self._plan.splits[split].strata:
            for window in stratum.windows:
                first = max(shard_rows.start, window.first_row)
                stop = min(shard_rows.stop, window.first_row + window.rows)
                if first < stop:
                    inside = slice(first - window.first_row, stop - window.first_row)
                    pieces, most, continued = self._write_window(split, stratum, window, inside, (ids, segments, mask))
                    cuts += continued if stratum.layout.trained is not None else 0
                    rows += stop - first
                    count += pieces
                    largest = max(largest, most)
        tokens = rows * self._plan.options.row_tokens
        return ShardCounts(rows, count, tokens, largest, cuts if layout.is_masked(shard) else None)

    def _write_window(
        self, split: str, stratum: StratumPlan, window: Window, rows: slice, sinks: tuple[Sink, Sink, Sink | None]
    ) -> tuple[int, int, int]:
        """Write a range of rows. Returns the number of segments, the largest id, and how many continue a document."""
        ids, segments, mask = sinks
        own = self._documents(split, stratum.layout.name, *window.documents)
        packed = pack_window(window.carry, own.ordinal, own.tokens + self._plan.options.added, self._plan.options)
        if packed.rows != window.rows:
            raise Damaged(
                f"{self._folder}: a window of {stratum.layout.name!r} gives {packed.rows} rows, "
                f"{window.rows} were planned; delete plan.json and pack again"
            )
        documents = self._carried(window) + own
        begins = np.append(np.flatnonzero(packed.position == 0), len(packed.position))
        row_tokens = self._plan.options.row_tokens
        step = max(CHUNK_BYTES // (row_tokens * np.dtype(self._plan.dtype).itemsize), 1)
        buffer = np.empty(step * row_tokens, self._plan.dtype)  # reused: new pages take longer than copying
        largest = 0
        for first in range(rows.start, rows.stop, step):
            stop = min(first + step, rows.stop)
            chunk = slice(int(begins[first]), int(begins[stop]))
            out = buffer[: (stop - first) * row_tokens]
            most = self._fill(out, packed, chunk, documents)
            largest = max(largest, most)
            ids.write(out.data)
            segments.write(_records(packed, chunk, documents).tobytes())
            if mask is not None:
                trained = np.ones(len(out), np.uint8)
                if stratum.layout.trained is not None:
                    self._fill_mask(trained, packed, chunk, documents)
                mask.write(np.packbits(trained.reshape(-1, row_tokens), axis=1, bitorder="little").data)
        written = slice(int(begins[rows.start]), int(begins[rows.stop]))
        return written.stop - written.start, largest, int(np.count_nonzero(packed.offset[written]))

    def _fill(self, out: Ids, packed: PackedWindow, chunk: slice, documents: _Documents) -> int:
        """Copy the ids of consecutive rows to `out`, part by part. Returns the largest id.

        out: (rows * row_tokens,); chunk: the segments of these rows in `packed`; documents: the items of `packed`.
        """
        bos, eos = (-1 if id is None else id for id in (self._plan.options.bos, self._plan.options.eos))
        largest = 0
        for part, pieces in self._by_part(packed, chunk, documents):
            mapped = self._mapped(part, ".bin")
            source = np.frombuffer(mapped, self._plan.dtype)
            begin, tokens = documents.offset[pieces.owner], documents.tokens[pieces.owner]
            most, wrong = _copy(
                out, pieces.place, pieces.offset, pieces.length, source, begin, tokens, bos, eos, self._plan.vocab_size
            )
            if wrong >= 0:
                self._refuse(part, int(documents.ordinal[pieces.owner[wrong]]), most)
            mapped.madvise(mmap.MADV_DONTNEED)  # release the pages: otherwise they count as memory of this process
            largest = max(largest, most)
        return largest

    def _fill_mask(
        self, out: npt.NDArray[np.uint8], packed: PackedWindow, chunk: slice, documents: _Documents
    ) -> None:
        """Write 0 to `out`, which is 1 everywhere, where an id is not trained on; arguments as of `_fill`."""
        has_bos = self._plan.options.bos is not None
        for part, pieces in self._by_part(packed, chunk, documents):
            begin, tokens, ends = (getattr(documents, name)[pieces.owner] for name in ("offset", "tokens", "ends"))
            if (ends >= 0).any():
                bits = np.frombuffer(self._mapped(part, ".mask"), np.uint8)
                _copy_mask(out, pieces.place, pieces.offset, pieces.length, bits, begin, tokens, ends, has_bos)

    def _by_part(self, packed: PackedWindow, chunk: slice, documents: _Documents) -> Iterator[tuple[int, _Pieces]]:
        """Yield the segments `chunk` of a window by the part that holds their ids."""
        item = packed.item[chunk]
        position = packed.position[chunk].astype(np.int64)
        place = (np.cumsum(position == 0) - 1) * self._plan.options.row_tokens + position
        offset, length = packed.offset[chunk], packed.length[chunk].astype(np.int64)
        part_of = documents.part[item]
        order = np.argsort(part_of, kind="stable")
        parts, begin = np.unique(part_of[order], return_index=True)
        for part, of_part in zip(parts, np.split(order, begin[1:]), strict=True):
            yield int(part), _Pieces(item[of_part], place[of_part], offset[of_part], length[of_part])

    def _refuse(self, part: int, ordinal: int, wrong_id: int) -> None:
        planned = self._plan.parts[part]
        raise Damaged(
            f"{self._tokens[planned.folder].path / planned.name}.bin: document {ordinal - planned.first} of it has "
            f"id {wrong_id}, the vocabulary has {self._plan.vocab_size}; tokenize it again"
        )

    def _documents(self, split: str, stratum: str, first: int, stop: int) -> _Documents:
        """Return the documents of a stratum and split with ordinals first .. stop - 1."""
        low, high = np.searchsorted(self._first, [first, stop - 1], side="right") - 1
        groups = []
        for part in range(int(low), int(high) + 1):
            table = self._table(part)
            lines = table.groups.get((split, stratum))
            if lines is not None:
                ordinal = table.ordinal[lines]
                lines = lines[(ordinal >= first) & (ordinal < stop)]
                parts = np.full(len(lines), part, np.int64)
                columns = (getattr(table, name)[lines] for name in ("offset", "tokens", "ends"))
                groups.append(_Documents(table.ordinal[lines], parts, *columns))
        return sum(groups[1:], groups[0])

    def _carried(self, window: Window) -> _Documents:
        """Return the documents of the carried pieces of a window, one for each piece."""
        ordinals = np.array([piece[0] for piece in window.carry], np.int64)
        parts = np.searchsorted(self._first, ordinals, side="right") - 1
        lines = ordinals - self._first[parts]
        tables = [self._table(int(part)) for part in parts]
        columns = (
            np.array([getattr(table, name)[line] for table, line in zip(tables, lines, strict=True)], np.int64)
            for name in ("offset", "tokens", "ends")
        )
        return _Documents(ordinals, parts, *columns)

    def _read_table(self, part: int) -> _Table:
        name = documents_name(part)
        data = (self._folder / name).read_bytes()
        if FileRecord(len(data), hashlib.sha256(data).hexdigest()) != self._plan.documents.get(name):
            raise Damaged(f"{self._folder / name} changed since it was planned; delete plan.json and pack again")
        planned = self._plan.parts[part]
        is_masked = has_mask(self._tokens[planned.folder], planned.name)
        columns = ["ordinal", "split", "stratum", "offset", "tokens", *(["ends"] if is_masked else [])]
        table = read_table(data, columns, dictionaries=["split", "stratum"])
        groups = {}
        split, stratum = (table[name].combine_chunks() for name in ("split", "stratum"))
        for i, split_name in enumerate(split.dictionary.to_pylist()):
            for j, stratum_name in enumerate(stratum.dictionary.to_pylist()):
                is_member = pc.and_(pc.equal(split.indices, i), pc.equal(stratum.indices, j)).fill_null(False)
                groups[split_name, stratum_name] = np.flatnonzero(is_member.to_numpy(zero_copy_only=False))
        ordinal, offset, tokens = (table[name].to_numpy() for name in ("ordinal", "offset", "tokens"))
        ends = np.full(len(table), -1, np.int64)
        if is_masked:
            ends = pc.fill_null(table["ends"].cast(pa.int64()), -1).to_numpy()
        return _Table(ordinal, offset, tokens, ends, groups)

    def _map_file(self, part: int, suffix: str) -> mmap.mmap:
        """Map a file of a part of tokens, which is hashed once."""
        planned = self._plan.parts[part]
        tokens = self._tokens[planned.folder]
        path = tokens.path / f"{planned.name}{suffix}"
        if (part, suffix) not in self._verified:
            if hash_file(path) != tokens.manifest.files.get(path.name):
                raise Damaged(f"{path} changed since it was sealed; build the folder again")
            self._verified.add((part, suffix))
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _records(packed: PackedWindow, chunk: slice, documents: _Documents) -> npt.NDArray[np.void]:
    records = np.empty(chunk.stop - chunk.start, SEGMENT)
    records["document"] = documents.ordinal[packed.item[chunk]]
    records["offset"] = packed.offset[chunk]
    records["position"] = packed.position[chunk]
    records["length"] = packed.length[chunk]
    return records


@njit(cache=True)  # type: ignore[untyped-decorator]
def _copy(
    out: Any, place: Any, offset: Any, length: Any, part: Any, begin: Any, tokens: Any, bos: int, eos: int, vocab: int
) -> Any:
    """Copy pieces of the streams [bos] + part[begin:][:tokens] + [eos] to `out`. bos, eos: -1 for none.

    out: (rows * row_tokens,); place: first index of each piece in `out`; offset, length: of the piece in its stream;
    part: ids; begin, tokens: of the document in `part`; all but out and part of shape (pieces,).
    Returns the largest id and -1, or an id outside of the vocabulary and the index of its piece.
    """
    largest = np.int64(0)
    zero = part.dtype.type(0)
    before = 1 if bos >= 0 else 0
    for piece in range(len(place)):
        target_index = place[piece]
        first = offset[piece] - before
        stop = first + length[piece]
        if first < 0:
            out[target_index] = bos
            target_index += 1
            first = 0
            largest = max(largest, np.int64(bos))
        count = max(min(stop, tokens[piece]) - first, 0)
        source = part[begin[piece] + first : begin[piece] + first + count]
        target = out[target_index : target_index + count]
        most = zero
        for k in range(count):  # without branches and negative indexes, this loop runs at memory bandwidth
            value = source[k]
            target[k] = value
            most = max(most, value)
        if most >= vocab:
            return np.int64(most), piece
        largest = max(largest, np.int64(most))
        target_index += count
        if stop > tokens[piece]:
            out[target_index] = eos
            largest = max(largest, np.int64(eos))
    return largest, -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _copy_mask(
    out: Any, place: Any, offset: Any, length: Any, part: Any, begin: Any, tokens: Any, ends: Any, has_bos: bool
) -> None:
    """Write the mask of pieces of streams to `out`, a byte for each id.

    part: a bit for each id of a part; ends: the mask of the EOS, -1 for a document without a mask; the others as of
    `_copy`.
    """
    for piece in range(len(place)):
        if ends[piece] < 0:
            continue
        first = offset[piece] - (1 if has_bos else 0)
        for k in range(length[piece]):
            index = first + k
            if index < 0:
                value = 0
            elif index < tokens[piece]:
                bit = begin[piece] + index
                value = (part[bit >> 3] >> (bit & 7)) & 1
            else:
                value = ends[piece]
            out[place[piece] + k] = value


def dataset_summary(plan: Plan, shards: Iterable[ShardCounts]) -> dict[str, Any]:
    """Return the `summary` of the manifest of a dataset (see `layout.DatasetLayout`).

    shards: sizes of all shards. Raises Damaged if they do not contain all planned rows.
    """
    counts = list(shards)
    rows = sum(shard.rows for shard in counts)
    planned = sum(split.rows for split in plan.splits.values())
    if rows != planned:
        raise Damaged(f"the shards have {rows} rows, {planned} were planned; pack again")
    return plan.layout(max((shard.max_id for shard in counts), default=0)).to_json()
