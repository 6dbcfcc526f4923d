"""Planning: the plan of a dataset, made from the indexes of tokens folders.

    planned = make_plan(tokens, options)                   # tokens: opened `Sealed` folders, in order
    for name in planned.documents:                         # "documents/part-00000.parquet", ...
        with atomic_file(folder / name) as file:
            planned.write_documents(name, file)
        records[name] = file.record
    write_json(folder / "plan.json", planned.plan.with_documents(records).to_json())

Planning reads the indexes once and no tokens. It keeps 17 bytes per document, and 8 more if documents are held out
(peak: 24 and 48 bytes, measured with 1 to 10 million documents). Documents keep their input order; rows are permuted
by the schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sharding.errors import InputError
from sharding.layout import MAX_STREAM_TOKENS, SPLITS, StratumLayout, documents_name, dtype_for
from sharding.options import ATTRIBUTES, PackOptions
from sharding.packing.holdout import hold_out, keyed_hashes
from sharding.packing.plan import PartPlan, Piece, Plan, SplitPlan, StratumPlan, Window
from sharding.packing.windows import pack_window, split_windows
from sharding.seal import Counts, CountsByUnit, Sealed
from sharding.tables import read_table

INDEX = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "language", "category", "license", "url", "cluster")]
    + [(name, pa.int64()) for name in ("offset", "tokens", "bytes", "chars")]
)
"""Columns of a part's index in a tokens folder. `offset`: first token in the part's .bin."""

SHARD_BYTES = 1 << 29

TRAIN, HELD_OUT = range(len(SPLITS))
EMPTY = len(SPLITS)
TAIL = "tail shorter than a row"

Int = npt.NDArray[np.int64]
Small = npt.NDArray[np.integer[Any]]


class PlannedDataset:
    """A plan, and the document tables to be written beside it.

    plan: without the records of the tables; documents: names of the tables, in order.
    """

    def __init__(
        self, tokens: Sequence[Sealed], plan: Plan, names: Sequence[str], stratum: Small, side: Small
    ) -> None:
        self.plan = plan
        self.documents = [documents_name(k) for k in range(len(plan.parts))]
        self._tokens = tokens
        self._names = pa.array(names, pa.string())
        self._stratum = stratum
        self._side = side

    def write_documents(self, name: str, file: BinaryIO) -> None:
        """Write a document table: the index of a part with ordinal, stratum and split (null for an empty document).

        name: one of `documents`; file: open for writing. Raises InputError or Damaged if the index changed.
        """
        part = self.plan.parts[self.documents.index(name)]
        table = _read_index(self._tokens[part.folder], part.name, list(INDEX.names))
        ordinals = slice(part.first, part.first + part.documents)
        side = self._side[ordinals]
        columns = {
            "ordinal": pa.array(np.arange(part.first, part.first + part.documents)),
            "stratum": self._names.take(pa.array(self._stratum[ordinals])),
            "split": pa.array(SPLITS, pa.string()).take(pa.array(side, mask=side == EMPTY)),
        }
        for column, values in columns.items():
            table = table.append_column(column, values)
        table = table.select(["ordinal", "stratum", "split", *INDEX.names])
        pq.write_table(table, file, compression="zstd", write_page_checksum=True, row_group_size=1 << 16)


def make_plan(tokens: Sequence[Sealed], options: PackOptions) -> PlannedDataset:
    """Plan the packing of tokens folders.

    tokens: open tokens folders, in order; options: of packing.
    Raises InputError for folders of different tokenizers, indexes that do not match their ids, and input that is empty
    or shorter than a row; OptionError for options that are impossible for the data; Damaged for a changed file.
    """
    tokenizer, vocab_size, dtype = _same_tokenizer(tokens)
    for name, special in (("bos", options.bos), ("eos", options.eos)):
        if special is not None and not 0 <= special < vocab_size:
            raise InputError(f"{name} id {special} is not in the tokenizer's vocabulary of {vocab_size}")
    index = _Index(tokens, options, np.dtype(dtype).itemsize)
    empty = index.streams == 0
    side = np.where(empty, np.int8(EMPTY), np.int8(TRAIN))
    if options.validation is not None:
        held = hold_out(
            index.streams, index.stratum, index.clusters, index.names, options.validation, options.row_tokens
        )
        side[held & ~empty] = HELD_OUT
    nonempty = int(np.count_nonzero(~empty))
    ids = int(index.streams.sum()) - options.added * nonempty
    counts = {"documents": Counts(input=len(side)), "tokens": Counts(input=ids)}
    counts["documents"].drop("empty", len(side) - nonempty)
    for name, special in (("bos", options.bos), ("eos", options.eos)):
        if special is not None:
            counts["tokens"].add(name, nonempty)
    splits = {}
    for code, split in enumerate(SPLITS):
        strata = []
        first_row = 0
        for number in sorted(range(len(index.names)), key=index.names.__getitem__):
            ordinals = np.flatnonzero((index.stratum == number) & (side == code))
            stratum = _plan_stratum(index, number, ordinals, first_row, options)
            first_row += stratum.layout.rows
            _count(counts, index, stratum, options)
            strata.append(stratum)
        per_shard = _rows_per_shard(options, first_row, np.dtype(dtype).itemsize)
        splits[split] = SplitPlan(first_row, per_shard, -(-first_row // per_shard), tuple(strata))
    if splits["train"].rows == 0:
        raise InputError(
            f"{_paths(tokens)}: {ids} tokens in {len(side)} documents give no row of {options.row_tokens} "
            "tokens to train on; give more text or shorter rows"
        )
    digests = tuple(folder.digest for folder in tokens)
    plan = Plan(options, digests, tokenizer, vocab_size, dtype, tuple(index.parts), {}, splits, counts)
    return PlannedDataset(tokens, plan, index.names, index.stratum, side)


class _Index:
    """The columns of all documents that planning uses, over all parts in order.

    streams: tokens with BOS and EOS, 0 for an empty document; stratum: index in `names`; bytes, chars: of the text;
    clusters: hashes, empty without validation; all of shape (documents,).
    """

    def __init__(self, tokens: Sequence[Sealed], options: PackOptions, itemsize: int) -> None:
        self.parts: list[PartPlan] = []
        self.names: list[str] = []  # strata, in order of first appearance
        self.values: list[dict[str, str]] = []  # the attributes of each stratum
        self._attributes = [name for name in ATTRIBUTES if name in options.strata]
        columns = ["id", *self._attributes, "offset", "tokens", "bytes", "chars"]
        streams, stratum, text_bytes, chars, clusters = [], [], [], [], []
        first = 0
        for number, folder in enumerate(tokens):
            for file in folder.names(prefix="part-", suffix=".parquet"):
                name = file.removesuffix(".parquet")
                table = _read_index(folder, name, [*columns, "cluster"] if options.validation else columns)
                lengths = _checked_lengths(folder, name, table, itemsize, options.added)
                self.parts.append(PartPlan(number, name, first, len(lengths)))
                first += len(lengths)
                streams.append(np.where(lengths > 0, lengths + options.added, 0).astype(np.uint32))
                stratum.append(self._encode(folder, name, table))
                text_bytes.append(_integers(table, "bytes").astype(np.uint32))
                chars.append(_integers(table, "chars").astype(np.uint32))
                if options.validation:
                    clusters.append(keyed_hashes(table["cluster"].to_pylist(), options.seed))
        if not first:
            raise InputError(f"{_paths(tokens)}: there is no document to pack")
        self.streams = np.concatenate(streams)
        self.stratum = np.concatenate(stratum)
        self.bytes = np.concatenate(text_bytes)
        self.chars = np.concatenate(chars)
        self.clusters = np.concatenate(clusters) if clusters else np.zeros(0, np.uint64)

    def _encode(self, folder: Sealed, name: str, table: pa.Table) -> Small:
        """Return the stratum of each document, (documents,), and add new strata to `names`."""
        columns = [table[attribute].combine_chunks().dictionary_encode() for attribute in self._attributes]
        codes = np.zeros(len(table), np.int64)
        for column in columns:
            codes = codes * len(column.dictionary) + column.indices.to_numpy()
        _, example, inverse = np.unique(codes, return_index=True, return_inverse=True)
        numbers = {tuple(values.values()): number for number, values in enumerate(self.values)}
        result = np.empty(len(example), np.int32)
        for k, document in enumerate(example):
            key = tuple(column[int(document)].as_py() for column in columns)
            if key not in numbers:
                text = "/".join(key) or "all"
                if text in self.names:
                    raise InputError(
                        f"{folder.path / name}.parquet: two strata have the name {text!r}; rename a source"
                    )
                numbers[key] = len(self.names)
                self.names.append(text)
                self.values.append(dict(zip(self._attributes, key, strict=True)))
            result[k] = numbers[key]
        return result[inverse]


def _plan_stratum(index: _Index, number: int, ordinals: Int, first_row: int, options: PackOptions) -> StratumPlan:
    """Plan one stratum of one split, window by window.

    number: of the stratum; ordinals: of its documents, int64, (n,); first_row: number of its first row in the split.
    """
    streams = index.streams[ordinals].astype(np.int64)
    windows: list[Window] = []
    carry: list[Piece] = []
    row = first_row
    for window in split_windows(streams, options):
        packed = pack_window(carry, ordinals[window], streams[window], options)
        span = int(ordinals[window.start]), int(ordinals[window.stop - 1]) + 1
        windows.append(Window(row, packed.rows, span, tuple(carry)))
        row += packed.rows
        carry = packed.carry
    values = index.values[number]
    layout = StratumLayout(
        name=index.names[number],
        source=values.get("source"),
        language=values.get("language"),
        category=values.get("category"),
        first_row=first_row,
        rows=row - first_row,
        documents=len(ordinals),
        tokens=int(streams.sum()) - options.added * len(ordinals),
        bytes=int(index.bytes[ordinals].sum()),
        chars=int(index.chars[ordinals].sum()),
    )
    return StratumPlan(layout, tuple(windows), tuple(carry))


def _count(counts: CountsByUnit, index: _Index, stratum: StratumPlan, options: PackOptions) -> None:
    """Add a stratum to the counts: its rows are output, its tail is dropped."""
    counts["tokens"].out += stratum.layout.rows * options.row_tokens
    counts["tokens"].drop(TAIL, sum(length for _, _, length in stratum.tail))
    in_tail: dict[int, int] = {}
    for document, _, length in stratum.tail:
        in_tail[document] = in_tail.get(document, 0) + length
    lost = sum(length == int(index.streams[document]) for document, length in in_tail.items())
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


def _read_index(folder: Sealed, name: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of the index of a part, checked against the seal and converted to the types of `INDEX`."""
    path = folder.path / f"{name}.parquet"
    schema = pa.schema([INDEX.field(column) for column in columns])
    try:
        table = read_table(folder.read(f"{name}.parquet"), columns).cast(schema)
    except (pa.ArrowException, KeyError) as error:
        raise InputError(f"{path} is not an index of tokens ({error}): tokenize again") from None
    for column in ("id", *ATTRIBUTES, "cluster", "offset", "tokens", "bytes", "chars"):
        if column in columns and table[column].null_count:
            row = pc.index(pc.is_null(table[column]), True).as_py()
            raise InputError(f"{path}, line {row}: {column} is null: tokenize again")
    return table


def _integers(table: pa.Table, column: str) -> Int:
    values: Int = table[column].to_numpy()
    return values


def _checked_lengths(folder: Sealed, name: str, table: pa.Table, itemsize: int, added: int) -> Int:
    """Return the number of tokens of each document, int64, (n,).

    Raises InputError if a document is outside of its part, or too large for the offset of a segment.
    """
    offset, tokens = _integers(table, "offset"), _integers(table, "tokens")
    record = folder.manifest.files.get(f"{name}.bin")
    available = record.bytes // itemsize if record else 0
    negative = np.minimum.reduce([tokens, offset, _integers(table, "bytes"), _integers(table, "chars")]) < 0
    wrong = np.flatnonzero(negative | (offset > available) | (tokens > available - offset))  # a sum could overflow
    if len(wrong):
        document = table["id"][int(wrong[0])].as_py()
        raise InputError(
            f"{folder.path / name}.parquet: document {document!r} is outside of the {available} ids in {name}.bin: "
            "tokenize again"
        )
    sizes = np.maximum(tokens + added, np.maximum(_integers(table, "bytes"), _integers(table, "chars")))
    large = np.flatnonzero(sizes > MAX_STREAM_TOKENS)
    if len(large):
        document = table["id"][int(large[0])].as_py()
        raise InputError(f"{folder.path / name}.parquet: document {document!r} has more than 2^32 bytes: split it")
    return tokens


def _paths(tokens: Sequence[Sealed]) -> str:
    return ", ".join(str(folder.path) for folder in tokens)
