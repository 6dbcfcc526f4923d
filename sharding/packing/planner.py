"""Planning: from the indexes of tokens folders to the plan.

    draft = draft_plan(tokens, options)                    # tokens: opened `Sealed` folders, in order
    for name in draft.documents:                           # "documents/part-00000.parquet", ...
        with atomic_file(folder / name) as file:
            draft.write_documents(name, file)
        records[name] = file.record
    write_json(folder / "plan.json", draft.plan.with_documents(records).to_json())

One pass over the indexes keeps 17 bytes a document, and 8 more where documents are held out (at the peak, 24 and 48,
measured from 1 to 10 million); tokens are not read.
Documents keep the order in which they came; it is the schedule that permutes rows.
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
from sharding.packing.windows import cut_windows, pack_window
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


class Draft:
    """A plan whose document tables are yet to be written; see the module."""

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
        """Write one table: the part's index with ordinal, stratum and split (null for an empty document)."""
        part = self.plan.parts[self.documents.index(name)]
        table = _read_index(self._tokens[part.folder], part.name, list(INDEX.names))
        mine = slice(part.first, part.first + part.documents)
        side = self._side[mine]
        columns = {
            "ordinal": pa.array(np.arange(part.first, part.first + part.documents)),
            "stratum": self._names.take(pa.array(self._stratum[mine])),
            "split": pa.array(SPLITS, pa.string()).take(pa.array(side, mask=side == EMPTY)),
        }
        for column, values in columns.items():
            table = table.append_column(column, values)
        table = table.select(["ordinal", "stratum", "split", *INDEX.names])
        pq.write_table(table, file, compression="zstd", write_page_checksum=True, row_group_size=1 << 16)


def make_plan(tokens: Sequence[Sealed], options: PackOptions) -> Draft:
    """Plan the packing of tokens folders.

    Raises InputError for folders of different tokenizers, indexes that don't fit their tokens, nothing to
    pack, less than a row; OptionError for options that don't fit the data; Damaged for a changed file.
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
    filled = int(np.count_nonzero(~empty))
    ids = int(index.streams.sum()) - options.added * filled
    counts = {"documents": Counts(input=len(side)), "tokens": Counts(input=ids)}
    counts["documents"].drop("empty", len(side) - filled)
    for name, special in (("bos", options.bos), ("eos", options.eos)):
        if special is not None:
            counts["tokens"].add(name, filled)
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
    digests = tuple(one.digest for one in tokens)
    plan = Plan(options, digests, tokenizer, vocab_size, dtype, tuple(index.parts), {}, splits, counts)
    return Draft(tokens, plan, index.names, index.stratum, side)


class _Index:
    """What planning needs of every document, part after part."""

    def __init__(self, tokens: Sequence[Sealed], options: PackOptions, itemsize: int) -> None:
        self.parts: list[PartPlan] = []
        self.names: list[str] = []  # strata, as they were met
        self.values: list[dict[str, str]] = []  # the attributes of each
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
            raise InputError(f"{_paths(tokens)}: there is not one document to pack")
        self.streams = np.concatenate(streams)
        self.stratum = np.concatenate(stratum)
        self.bytes = np.concatenate(text_bytes)
        self.chars = np.concatenate(chars)
        self.clusters = np.concatenate(clusters) if clusters else np.zeros(0, np.uint64)

    def _encode(self, folder: Sealed, name: str, table: pa.Table) -> Small:
        """The stratum of each document; strata are named as they are met."""
        columns = [table[attribute].combine_chunks().dictionary_encode() for attribute in self._attributes]
        codes = np.zeros(len(table), np.int64)
        for column in columns:
            codes = codes * len(column.dictionary) + column.indices.to_numpy()
        _, example, inverse = np.unique(codes, return_index=True, return_inverse=True)
        known = {tuple(values.values()): number for number, values in enumerate(self.values)}
        result = np.empty(len(example), np.int32)
        for k, document in enumerate(example):
            key = tuple(column[int(document)].as_py() for column in columns)
            if key not in known:
                text = "/".join(key) or "all"
                if text in self.names:
                    raise InputError(f"{folder.path / name}.parquet: two strata would both be called {text!r}")
                known[key] = len(self.names)
                self.names.append(text)
                self.values.append(dict(zip(self._attributes, key, strict=True)))
            result[k] = known[key]
        return result[inverse]


def _plan_stratum(index: _Index, number: int, ordinals: Int, first_row: int, options: PackOptions) -> StratumPlan:
    """Pack the documents of one stratum of one split, window after window."""
    streams = index.streams[ordinals].astype(np.int64)
    windows: list[Window] = []
    carry: list[Piece] = []
    row = first_row
    for window in cut_windows(streams, options):
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
    """Enter a stratum in the ledgers: its rows are out, its tail is dropped."""
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
    """sha256 of the tokenizer.json, vocabulary and type of ids that all folders share."""
    found = [tuple(one.manifest.summary.get(key) for key in ("tokenizer", "vocab_size", "dtype")) for one in tokens]
    if not found:
        raise InputError("there is no tokens folder to pack")
    for folder, one in zip(tokens, found, strict=True):
        if one != found[0]:
            raise InputError(f"{folder.path} was made with another tokenizer than {tokens[0].path}: tokenize it again")
    tokenizer, vocab_size, dtype = found[0]
    if not isinstance(tokenizer, str) or not isinstance(vocab_size, int) or dtype != dtype_for(vocab_size):
        raise InputError(
            f"{tokens[0].path}: ids of a vocabulary of {vocab_size} are stored as {dtype!r}: tokenize it again"
        )
    return tokenizer, vocab_size, dtype


def _read_index(folder: Sealed, name: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a part's index, proven against the seal and of the types that are promised."""
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
    """Tokens of each document, once it is sure that they lie in the part and fit a segment's offset."""
    offset, tokens = _integers(table, "offset"), _integers(table, "tokens")
    record = folder.manifest.files.get(f"{name}.bin")
    held = record.bytes // itemsize if record else 0
    negative = np.minimum.reduce([tokens, offset, _integers(table, "bytes"), _integers(table, "chars")]) < 0
    wrong = np.flatnonzero(negative | (offset > held) | (tokens > held - offset))  # no sum: it could overflow
    if len(wrong):
        document = table["id"][int(wrong[0])].as_py()
        raise InputError(
            f"{folder.path / name}.parquet: document {document!r} lies outside of the {held} ids in {name}.bin: "
            "tokenize again"
        )
    sizes = np.maximum(tokens + added, np.maximum(_integers(table, "bytes"), _integers(table, "chars")))
    large = np.flatnonzero(sizes > MAX_STREAM_TOKENS)
    if len(large):
        document = table["id"][int(large[0])].as_py()
        raise InputError(f"{folder.path / name}.parquet: document {document!r} has more than 2^32 bytes: split it")
    return tokens


def _paths(tokens: Sequence[Sealed]) -> str:
    return ", ".join(str(one.path) for one in tokens)
