"""Writing a shard: its rows and segments, as a pure function of (plan, split, shard number).

The windows that touch the shard are packed again (milliseconds each), and their ids copied from the tokens
parts. A part is hashed against its seal before the first id of it is used, once for each `ShardWriter`, and
then mapped: rows of a window draw on all parts of that window in no order. Memory is one chunk of rows (4 MB), the
segments of one window and 24 bytes for each document of it, whatever the size of a shard.

Every id is compared with the vocabulary as it is copied. Types on both sides are the same, so nothing is ever
narrowed.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from numba import njit

from sharding import checked
from sharding.layout import SEGMENT, Ids, documents_name
from sharding.packing.plan import Plan, StratumPlan, Window
from sharding.packing.windows import PackedWindow, pack_window
from sharding.seal import Damaged, FileRecord, Sealed, hash_file
from sharding.tables import read_table

CHUNK_BYTES = 1 << 22  # hashed and written while it is in the cache
KEPT_TABLES = 16  # document tables in memory: a window's documents lie in a few parts
KEPT_PARTS = 256  # each is a mapped file, and so a descriptor

Int = npt.NDArray[np.int64]


class Sink(Protocol):
    """Where bytes go: an open binary file, or `seal.HashingFile`."""

    def write(self, data: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class ShardCounts:
    """What a shard holds, for its sidecar. `max_id`: the largest id, BOS and EOS included."""

    rows: int
    segments: int
    tokens: int
    max_id: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> ShardCounts:
        """Raises Damaged for what is not the summary of a shard's sidecar."""
        try:
            return cls(**{name: checked.count(number, name) for name, number in value.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise Damaged(f"the summary of a shard can't be used ({error}); pack again with --restart") from None


@dataclass(frozen=True, slots=True)
class _Documents:
    """Documents, one line each: where their ids are."""

    ordinal: Int
    part: Int
    offset: Int  # first token in the part
    tokens: Int

    def __add__(self, other: _Documents) -> _Documents:
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("ordinal", "part", "offset", "tokens"))
        return _Documents(*(np.concatenate(pair) for pair in pairs))


class _Table(NamedTuple):
    """One document table; `groups`: the lines of each (split, stratum)."""

    ordinal: Int
    offset: Int
    tokens: Int
    groups: dict[tuple[str, str], Int]


class ShardWriter:
    """Writes shards of one plan; a worker process keeps one, so that a part is hashed once.

    `folder`: the dataset, with its `documents/`; `tokens`: the opened tokens folders, in the plan's order.
    Raises Damaged if these are not the folders that were planned.
    """

    def __init__(self, plan: Plan, folder: Path, tokens: Sequence[Sealed]) -> None:
        digests = tuple(one.digest for one in tokens)
        if digests != plan.inputs:
            raise Damaged(f"{folder} was planned from other tokens than {', '.join(str(one.path) for one in tokens)}")
        self._plan = plan
        self._folder = folder
        self._tokens = tokens
        self._first = np.array([part.first for part in plan.parts], np.int64)
        self._table = lru_cache(KEPT_TABLES)(self._read_table)
        self._part = lru_cache(KEPT_PARTS)(self._map_part)
        self._verified: set[int] = set()

    def write(self, split: str, shard: int, ids: Sink, segments: Sink) -> ShardCounts:
        """Write one shard's `.bin` to `ids` and its `.seg` to `segments`, sequentially.

        Raises Damaged if tokens or document tables changed since they were sealed, or an id is not in the
        vocabulary; the message names part and document.
        """
        layout = self._plan.splits[split].layout
        wanted = layout.rows_of(shard)
        rows = count = largest = 0
        for stratum in self._plan.splits[split].strata:
            for window in stratum.windows:
                first = max(wanted.start, window.first_row)
                stop = min(wanted.stop, window.first_row + window.rows)
                if first < stop:
                    inside = slice(first - window.first_row, stop - window.first_row)
                    pieces, most = self._write_window(split, stratum, window, inside, ids, segments)
                    rows += stop - first
                    count += pieces
                    largest = max(largest, most)
        return ShardCounts(rows, count, rows * self._plan.options.row_tokens, largest)

    def _write_window(
        self, split: str, stratum: StratumPlan, window: Window, rows: slice, ids: Sink, segments: Sink
    ) -> tuple[int, int]:
        """Write some rows of a window. Returns the number of segments and the largest id."""
        mine = self._documents(split, stratum.layout.name, *window.documents)
        packed = pack_window(window.carry, mine.ordinal, mine.tokens + self._plan.options.added, self._plan.options)
        if packed.rows != window.rows:
            raise Damaged(
                f"{self._folder}: a window of {stratum.layout.name!r} gives {packed.rows} rows, "
                f"{window.rows} were planned; delete plan.json and pack again"
            )
        documents = self._carried(window) + mine
        begins = np.append(np.flatnonzero(packed.position == 0), len(packed.position))
        row_tokens = self._plan.options.row_tokens
        step = max(CHUNK_BYTES // (row_tokens * np.dtype(self._plan.dtype).itemsize), 1)
        buffer = np.empty(step * row_tokens, self._plan.dtype)  # one for all chunks: new pages cost more than copying
        largest = 0
        for first in range(rows.start, rows.stop, step):
            stop = min(first + step, rows.stop)
            chunk = slice(int(begins[first]), int(begins[stop]))
            out = buffer[: (stop - first) * row_tokens]
            most = self._fill(out, packed, chunk, documents)
            largest = max(largest, most)
            ids.write(out.data)
            segments.write(_records(packed, chunk, documents).tobytes())
        return int(begins[rows.stop] - begins[rows.start]), largest

    def _fill(self, out: Ids, packed: PackedWindow, chunk: slice, documents: _Documents) -> int:
        """Copy the ids of consecutive rows, part by part. Returns the largest."""
        options = self._plan.options
        item = packed.item[chunk]
        position = packed.position[chunk].astype(np.int64)
        place = (np.cumsum(position == 0) - 1) * options.row_tokens + position
        part_of = documents.part[item]
        order = np.argsort(part_of, kind="stable")
        parts, begin = np.unique(part_of[order], return_index=True)
        bos = -1 if options.bos is None else options.bos
        eos = -1 if options.eos is None else options.eos
        largest = 0
        for part, pieces in zip(parts, np.split(order, begin[1:]), strict=True):
            of = item[pieces]
            mapped = self._part(int(part))
            source = np.frombuffer(mapped, self._plan.dtype)
            most, wrong = _copy(
                out, place[pieces], packed.offset[chunk][pieces], packed.length[chunk][pieces].astype(np.int64),
                source, documents.offset[of], documents.tokens[of], bos, eos, self._plan.vocab_size,
            )  # fmt: skip
            if wrong >= 0:
                self._refuse(int(part), int(documents.ordinal[of[wrong]]), most)
            mapped.madvise(mmap.MADV_DONTNEED)  # else a window's parts would all count as memory of this process
            largest = max(largest, most)
        return largest

    def _refuse(self, part: int, ordinal: int, found: int) -> None:
        planned = self._plan.parts[part]
        raise Damaged(
            f"{self._tokens[planned.folder].path / planned.name}.bin: document {ordinal - planned.first} of it holds "
            f"id {found}, the vocabulary has {self._plan.vocab_size}; tokenize it again"
        )

    def _documents(self, split: str, stratum: str, first: int, stop: int) -> _Documents:
        """Documents of a stratum and split among ordinals first .. stop - 1."""
        low, high = np.searchsorted(self._first, [first, stop - 1], side="right") - 1
        found = []
        for part in range(int(low), int(high) + 1):
            table = self._table(part)
            lines = table.groups.get((split, stratum))
            if lines is not None:
                ordinal = table.ordinal[lines]
                lines = lines[(ordinal >= first) & (ordinal < stop)]
                where = np.full(len(lines), part, np.int64)
                found.append(_Documents(table.ordinal[lines], where, table.offset[lines], table.tokens[lines]))
        return sum(found[1:], found[0])

    def _carried(self, window: Window) -> _Documents:
        """Documents of the pieces that a window carries in, one line a piece."""
        ordinals = np.array([piece[0] for piece in window.carry], np.int64)
        parts = np.searchsorted(self._first, ordinals, side="right") - 1
        lines = ordinals - self._first[parts]
        tables = [self._table(int(part)) for part in parts]
        offset, tokens = (
            np.array([getattr(table, name)[line] for table, line in zip(tables, lines, strict=True)], np.int64)
            for name in ("offset", "tokens")
        )
        return _Documents(ordinals, parts, offset, tokens)

    def _read_table(self, part: int) -> _Table:
        name = documents_name(part)
        data = (self._folder / name).read_bytes()
        if FileRecord(len(data), hashlib.sha256(data).hexdigest()) != self._plan.documents.get(name):
            raise Damaged(f"{self._folder / name} changed since it was planned; delete plan.json and pack again")
        columns = ["ordinal", "split", "stratum", "offset", "tokens"]
        table = read_table(data, columns, dictionaries=["split", "stratum"])
        groups = {}
        split, stratum = (table[name].combine_chunks() for name in ("split", "stratum"))
        for i, one in enumerate(split.dictionary.to_pylist()):
            for j, other in enumerate(stratum.dictionary.to_pylist()):
                both = pc.and_(pc.equal(split.indices, i), pc.equal(stratum.indices, j)).fill_null(False)
                groups[one, other] = np.flatnonzero(both.to_numpy(zero_copy_only=False))
        ordinal, offset, tokens = (table[name].to_numpy() for name in ("ordinal", "offset", "tokens"))
        return _Table(ordinal, offset, tokens, groups)

    def _map_part(self, part: int) -> mmap.mmap:
        planned = self._plan.parts[part]
        tokens = self._tokens[planned.folder]
        path = tokens.path / f"{planned.name}.bin"
        if part not in self._verified:
            if hash_file(path) != tokens.manifest.files.get(path.name):
                raise Damaged(f"{path} changed since it was sealed; build the folder again to mend it")
            self._verified.add(part)
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
    """Copy pieces of streams [bos] + part[begin:][:tokens] + [eos] to places in `out`; -1 for no bos, no eos.

    Returns the largest id copied and -1, or an id beyond the vocabulary and the index of its piece.
    """
    largest = np.int64(0)
    zero = part.dtype.type(0)
    before = 1 if bos >= 0 else 0
    for piece in range(len(place)):
        at = place[piece]
        first = offset[piece] - before
        stop = first + length[piece]
        if first < 0:
            out[at] = bos
            at += 1
            first = 0
            largest = max(largest, np.int64(bos))
        count = max(min(stop, tokens[piece]) - first, 0)
        source = part[begin[piece] + first : begin[piece] + first + count]
        target = out[at : at + count]
        most = zero
        for k in range(count):  # no branch and no index that might be negative: it runs at the speed of memory
            value = source[k]
            target[k] = value
            most = max(most, value)
        if most >= vocab:
            return np.int64(most), piece
        largest = max(largest, np.int64(most))
        at += count
        if stop > tokens[piece]:
            out[at] = eos
            largest = max(largest, np.int64(eos))
    return largest, -1


def dataset_summary(plan: Plan, shards: Iterable[ShardCounts]) -> dict[str, Any]:
    """The `summary` of the dataset's manifest, from the counts of all its shards (see `layout.Layout`).

    Raises Damaged if they don't hold all rows that were planned.
    """
    counts = list(shards)
    rows = sum(one.rows for one in counts)
    planned = sum(split.rows for split in plan.splits.values())
    if rows != planned:
        raise Damaged(f"the shards hold {rows} rows, {planned} were planned; pack again to mend them")
    return plan.layout(max((one.max_id for one in counts), default=0)).to_json()
