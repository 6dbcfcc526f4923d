"""Planning: the plan of a dataset, made from the indexes of tokens folders.

    planned = make_plan(tokens, options, folder)           # tokens: opened `Sealed` folders, in order
    for name in planned.documents:                         # "documents/part-00000.parquet", ...
        with atomic_file(folder / name) as file:
            planned.write_documents(name, file)
        records[name] = file.record
    write_json(folder / "plan.json", planned.plan.with_documents(records).to_json())

A stratum of which a document has a mask has one, in which the others are trained on as a whole.

Planning reads the indexes once and no tokens, one part after another, and keeps the documents of one window of each
stratum. If documents are held out, what is used of the indexes (28 bytes for each document) is kept in a temporary
file, because they are chosen before the first window is packed; the hashes of their clusters are kept. Documents keep
their input order; rows are permuted by the schedule.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sharding.errors import InputError
from sharding.layout import SPLITS, StratumLayout, documents_name, dtype_for
from sharding.options import PackOptions
from sharding.packing.holdout import U64, choose, is_chosen, keyed_hashes
from sharding.packing.index import COLUMNS, Columns, Int, Strata, has_mask, read_columns, read_index
from sharding.packing.index_columns import INDEX, MASKED
from sharding.packing.plan import PartPlan, Piece, Plan, SplitPlan, StratumPlan, Window
from sharding.packing.windows import next_window, pack_window
from sharding.seal import Counts, CountsByUnit, Sealed

SHARD_BYTES = 1 << 29

TRAIN, HELD_OUT = range(len(SPLITS))
EMPTY = len(SPLITS)
TAIL = "tail shorter than a row"


class PlannedDataset:
    """A plan, and the document tables to be written beside it: in any order, and by any process.

    plan: without the records of the tables; documents: names of the tables, in order.
    """

    def __init__(self, tokens: Sequence[Sealed], plan: Plan, strata: Strata, chosen: U64) -> None:
        self.plan = plan
        self._parts = {documents_name(k): part for k, part in enumerate(plan.parts)}
        self.documents = list(self._parts)
        self._tokens, self._strata, self._chosen = tokens, strata, chosen

    def write_documents(self, name: str, file: BinaryIO) -> None:
        """Write a document table: the index of a part with ordinal, stratum and split (null for an empty document).

        name: one of `documents`; file: open for writing. Raises InputError or Damaged if the index changed.
        """
        part = self._parts[name]
        folder = self._tokens[part.folder]
        names = [*INDEX.names, *(MASKED.names if has_mask(folder, part.name) else ())]
        table = read_index(folder, part.name, names)
        clusters = np.zeros(len(table), np.uint64)
        if len(self._chosen):
            clusters = keyed_hashes(table["cluster"].to_pylist(), self.plan.options.seed)
        side = _side(table["tokens"].to_numpy() == 0, clusters, self._chosen)
        columns = {
            "ordinal": pa.array(np.arange(part.first, part.first + part.documents)),
            "stratum": pa.array(self._strata.names, pa.string()).take(
                pa.array(self._strata.encode(folder, part.name, table))
            ),
            "split": pa.array(SPLITS, pa.string()).take(pa.array(side, mask=side == EMPTY)),
        }
        for column, values in columns.items():
            table = table.append_column(column, values)
        table = table.select(["ordinal", "stratum", "split", *names])
        pq.write_table(table, file, compression="zstd", write_page_checksum=True, row_group_size=1 << 16)


def make_plan(tokens: Sequence[Sealed], options: PackOptions, folder: Path | None = None) -> PlannedDataset:
    """Plan the packing of tokens folders.

    tokens: open tokens folders, in order; options: of packing; folder: for a temporary file, None for the system's.
    Raises InputError for folders of different tokenizers, indexes that do not match their ids, and input that is empty
    or shorter than a row; OptionError for options that are impossible for the data; Damaged for a changed file.
    """
    tokenizer, vocab_size, dtype = _same_tokenizer(tokens)
    for name, special in (("bos", options.bos), ("eos", options.eos)):
        if special is not None and not 0 <= special < vocab_size:
            raise InputError(f"{name} id {special} is not in the tokenizer's vocabulary of {vocab_size}")
    strata = Strata(options)
    parts: list[PartPlan] = []
    itemsize = np.dtype(dtype).itemsize

    def indexes() -> Iterator[Columns]:
        for number, opened in enumerate(tokens):
            for file in opened.names(prefix="part-", suffix=".parquet"):
                name = file.removesuffix(".parquet")
                columns = read_columns(opened, name, strata, options, itemsize)
                first = parts[-1].first + parts[-1].documents if parts else 0
                parts.append(PartPlan(number, name, first, len(columns)))
                yield columns

    chosen = np.zeros(0, np.uint64)
    if options.validation is None:
        growing, counts = _pack(indexes(), strata, chosen, options)
    else:
        with tempfile.TemporaryFile(dir=folder) as file:
            for columns in indexes():
                columns.tofile(file)
            _refuse_nothing(tokens, parts)

            def again() -> Iterator[Columns]:
                file.seek(0)
                for part in parts:
                    yield np.fromfile(file, COLUMNS, part.documents)

            chosen = choose(_members(again), strata.names, options.validation, options.row_tokens)
            growing, counts = _pack(again(), strata, chosen, options)
    _refuse_nothing(tokens, parts)
    has_masks = any(opened.names(suffix=".mask") for opened in tokens)
    splits = {}
    for code, split in enumerate(SPLITS):
        plans = []
        first_row = 0
        for number in sorted(range(len(strata.names)), key=strata.names.__getitem__):
            record = growing.get((number, code)) or _Growing(options)
            stratum = record.plan(number, strata, first_row, has_masks)
            first_row += stratum.layout.rows
            _count(counts, record, stratum, options)
            plans.append(stratum)
        per_shard = _rows_per_shard(options, first_row, itemsize)
        splits[split] = SplitPlan(first_row, per_shard, -(-first_row // per_shard), tuple(plans))
    if splits["train"].rows == 0:
        ids, documents = counts["tokens"].input, counts["documents"].input
        raise InputError(
            f"{_paths(tokens)}: {ids} tokens in {documents} documents give no row of {options.row_tokens} "
            "tokens to train on; give more text or shorter rows"
        )
    digests = tuple(opened.digest for opened in tokens)
    plan = Plan(options, digests, tokenizer, vocab_size, dtype, tuple(parts), {}, splits, counts)
    return PlannedDataset(tokens, plan, strata, chosen)


def _refuse_nothing(tokens: Sequence[Sealed], parts: Sequence[PartPlan]) -> None:
    if not sum(part.documents for part in parts):
        raise InputError(f"{_paths(tokens)}: there is no document to pack")


def _members(indexes: Callable[[], Iterable[Columns]]) -> Callable[[], Iterator[tuple[Any, Any, Any]]]:
    """Return what reads the stream, stratum and cluster of all documents, a part at a time."""

    def read() -> Iterator[tuple[Any, Any, Any]]:
        for columns in indexes():
            yield columns["stream"], columns["stratum"], columns["cluster"]

    return read


def _side(empty: npt.NDArray[np.bool_], clusters: U64, chosen: U64) -> npt.NDArray[np.int8]:
    """Return the split of each document, EMPTY for an empty one: int8, (documents,)."""
    side = np.where(is_chosen(clusters, chosen), np.int8(HELD_OUT), np.int8(TRAIN))
    side[empty] = EMPTY
    return side


def _pack(
    indexes: Iterable[Columns], strata: Strata, chosen: U64, options: PackOptions
) -> tuple[dict[tuple[int, int], _Growing], CountsByUnit]:
    """Return the windows of each stratum and split, by their numbers, and the counts of the input."""
    growing: dict[tuple[int, int], _Growing] = {}
    counts = {"documents": Counts(), "tokens": Counts()}
    first = 0
    for columns in indexes:
        side = _side(columns["stream"] == 0, columns["cluster"], chosen)
        nonempty = int(np.count_nonzero(side != EMPTY))
        counts["documents"].input += len(columns)
        counts["documents"].drop("empty", len(columns) - nonempty)
        counts["tokens"].input += int(columns["stream"].sum(dtype=np.int64)) - options.added * nonempty
        for name, special in (("bos", options.bos), ("eos", options.eos)):
            if special is not None:
                counts["tokens"].add(name, nonempty)
        group = columns["stratum"].astype(np.int64) * (EMPTY + 1) + side
        for code in np.unique(group[side != EMPTY]).tolist():
            rows = np.flatnonzero(group == code)
            growing.setdefault(divmod(code, EMPTY + 1), _Growing(options)).add(rows + first, columns[rows])
        first += len(columns)
    return growing, counts


@dataclass
class _Growing:
    """The windows of one stratum in one split, with rows numbered from 0. Documents come in order.

    streams: tokens of the documents in `carry`; waiting: documents that are not packed yet.
    """

    options: PackOptions
    windows: list[Window] = field(default_factory=list)
    rows: int = 0
    carry: list[Piece] = field(default_factory=list)
    streams: dict[int, int] = field(default_factory=dict)
    sums: Int = field(default_factory=lambda: np.zeros(5, np.int64))
    waiting: tuple[Int, Int] = field(default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0, np.int64)))

    def add(self, ordinals: Int, columns: Columns) -> None:
        """Add documents, and pack the windows that are full."""
        names = ("stream", "bytes", "chars", "trained")
        self.sums += [len(columns), *(int(columns[name].sum(dtype=np.int64)) for name in names)]
        waiting, streams = self.waiting
        self.waiting = np.concatenate([waiting, ordinals]), np.concatenate([streams, columns["stream"]])
        self._pack(last=False)

    def _pack(self, *, last: bool) -> None:
        ordinals, streams = self.waiting
        start = 0
        while (size := next_window(streams[start:], self.options, last=last)) > 0:
            window = slice(start, start + size)
            packed = pack_window(self.carry, ordinals[window], streams[window], self.options)
            span = int(ordinals[window.start]), int(ordinals[window.stop - 1]) + 1
            self.windows.append(Window(self.rows, packed.rows, span, tuple(self.carry)))
            self.rows += packed.rows
            self.carry = packed.carry
            own = [document for document, _, _ in self.carry]
            places = np.searchsorted(ordinals[window], own).tolist()
            self.streams = {
                document: self.streams.get(document) or int(streams[window][place])
                for document, place in zip(own, places, strict=True)
            }
            start = window.stop
        self.waiting = ordinals[start:], streams[start:]

    def plan(self, number: int, strata: Strata, first_row: int, has_masks: bool) -> StratumPlan:
        """Pack what is left, and return the plan. number: of the stratum; first_row: of its first row in the split."""
        self._pack(last=True)
        values = strata.values[number]
        documents, tokens, size, chars, trained = self.sums.tolist()
        layout = StratumLayout(
            name=strata.names[number],
            source=values.get("source"),
            language=values.get("language"),
            category=values.get("category"),
            first_row=first_row,
            rows=self.rows,
            documents=documents,
            tokens=tokens - self.options.added * documents,
            bytes=size,
            chars=chars,
            trained=trained if has_masks and number in strata.masked else None,
        )
        windows = (replace(window, first_row=window.first_row + first_row) for window in self.windows)
        return StratumPlan(layout, tuple(windows), tuple(self.carry))


def _count(counts: CountsByUnit, record: _Growing, stratum: StratumPlan, options: PackOptions) -> None:
    """Add a stratum to the counts: its rows are output, its tail is dropped."""
    counts["tokens"].out += stratum.layout.rows * options.row_tokens
    counts["tokens"].drop(TAIL, sum(length for _, _, length in stratum.tail))
    in_tail: dict[int, int] = {}
    for document, _, length in stratum.tail:
        in_tail[document] = in_tail.get(document, 0) + length
    lost = sum(length == record.streams[document] for document, length in in_tail.items())
    counts["documents"].out += stratum.layout.documents - lost
    counts["documents"].drop(TAIL, lost)


def _rows_per_shard(options: PackOptions, rows: int, itemsize: int) -> int:
    if options.rows_per_shard is not None:
        return options.rows_per_shard
    if options.shards is not None:
        return max(-(-rows // options.shards), 1)
    return max(SHARD_BYTES // (options.row_tokens * itemsize), 1)


def _same_tokenizer(tokens: Sequence[Sealed]) -> tuple[str, int, str]:
    """Return the sha256 of tokenizer.json, vocabulary size and dtype of ids, which must be equal in all folders."""
    keys = ("tokenizer", "vocab_size", "dtype")
    tokenizers = [tuple(folder.manifest.summary.get(key) for key in keys) for folder in tokens]
    if not tokenizers:
        raise InputError("there is no tokens folder to pack; name at least one")
    for folder, other in zip(tokens, tokenizers, strict=True):
        if other != tokenizers[0]:
            raise InputError(f"{folder.path} was made with another tokenizer than {tokens[0].path}: tokenize it again")
    tokenizer, vocab_size, dtype = tokenizers[0]
    if not isinstance(tokenizer, str) or not isinstance(vocab_size, int) or dtype != dtype_for(vocab_size):
        raise InputError(
            f"{tokens[0].path}: ids of a vocabulary of {vocab_size} are stored as {dtype!r}: tokenize it again"
        )
    return tokenizer, vocab_size, dtype


def _paths(tokens: Sequence[Sealed]) -> str:
    return ", ".join(str(folder.path) for folder in tokens)
