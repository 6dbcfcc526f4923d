"""The indexes of tokens folders, which planning reads one part at a time.

A part of tokens may have a `.mask` beside its ids: a bit for each, 1 if it is trained on. Its index has the columns
`MASKED` too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sharding.errors import InputError
from sharding.layout import MAX_STREAM_TOKENS
from sharding.options import ATTRIBUTES, PackOptions
from sharding.packing.holdout import keyed_hashes
from sharding.packing.index_columns import INDEX, MASKED
from sharding.seal import Sealed
from sharding.tables import read_table

COLUMNS = np.dtype(
    [("cluster", "<u8"), ("stream", "<u4"), ("bytes", "<u4"), ("chars", "<u4"), ("trained", "<u4"), ("stratum", "<i4")]
)
"""What planning uses of a document. cluster: hash of its cluster, 0 without validation; stream: tokens with BOS and
EOS, 0 for an empty document; bytes, chars: of its text; trained: tokens that are trained on; stratum: its number."""

Int = npt.NDArray[np.int64]
Columns = npt.NDArray[np.void]


class Strata:
    """The strata of documents, in order of first appearance.

    names: of the strata; values: the attributes of each; masked: numbers of those of which a document has a mask.
    """

    def __init__(self, options: PackOptions) -> None:
        self.attributes = [name for name in ATTRIBUTES if name in options.strata]
        self.names: list[str] = []
        self.values: list[dict[str, str]] = []
        self.masked: set[int] = set()

    def encode(self, folder: Sealed, name: str, table: pa.Table) -> npt.NDArray[np.int32]:
        """Return the stratum of each document, (documents,), and add new strata to `names`."""
        columns = [table[attribute].combine_chunks().dictionary_encode() for attribute in self.attributes]
        codes = np.zeros(len(table), np.int64)
        for column in columns:
            codes = codes * len(column.dictionary) + column.indices.to_numpy()
        count = int(np.prod([len(column.dictionary) for column in columns], dtype=np.int64))
        if count <= 1 << 16:  # as below, without sorting
            first = np.full(count, len(codes), np.int64)
            np.minimum.at(first, codes, np.arange(len(codes)))
            present = np.flatnonzero(first < len(codes))
            example, inverse = first[present], np.searchsorted(present, codes)
        else:
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
                self.values.append(dict(zip(self.attributes, key, strict=True)))
            result[k] = numbers[key]
        return result[inverse]


def read_columns(folder: Sealed, name: str, strata: Strata, options: PackOptions, itemsize: int) -> Columns:
    """Return the columns of a part's documents, dtype COLUMNS, and add its strata to `strata`.

    itemsize: bytes of an id. Raises InputError for an index that does not match its ids, Damaged for a changed file.
    """
    is_masked = has_mask(folder, name)
    more = [*(["cluster"] if options.validation else []), *(["trained", "ends"] if is_masked else [])]
    table = read_index(folder, name, [*strata.attributes, "offset", "tokens", "bytes", "chars", *more])
    lengths = _checked_lengths(folder, name, table, itemsize, options.added)
    columns = np.zeros(len(lengths), COLUMNS)
    columns["stream"] = np.where(lengths > 0, lengths + options.added, 0)
    columns["stratum"] = strata.encode(folder, name, table)
    columns["bytes"], columns["chars"] = _integers(table, "bytes"), _integers(table, "chars")
    columns["trained"] = _trained(table, lengths) if is_masked else lengths
    if is_masked:
        has_own = table["trained"].is_valid().to_numpy()
        strata.masked.update(np.unique(columns["stratum"][has_own]).tolist())
    if options.validation:
        columns["cluster"] = keyed_hashes(table["cluster"].to_pylist(), options.seed)
    return columns


def has_mask(folder: Sealed, name: str) -> bool:
    """Return whether a part of a tokens folder has a mask. `name`: without a suffix."""
    return f"{name}.mask" in folder.manifest.files


def read_index(folder: Sealed, name: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of the index of a part, checked against the seal and converted to the types of `INDEX`."""
    path = folder.path / f"{name}.parquet"
    schema = pa.schema([(INDEX if column in INDEX.names else MASKED).field(column) for column in columns])
    try:
        table = read_table(folder.read(f"{name}.parquet"), columns).cast(schema)
    except (pa.ArrowException, KeyError) as error:
        raise InputError(f"{path} is not an index of tokens ({error}): tokenize again") from None
    for column in ("id", *ATTRIBUTES, "cluster", "offset", "tokens", "bytes", "chars"):
        if column in columns and table[column].null_count:
            row = pc.index(pc.is_null(table[column]), True).as_py()
            raise InputError(f"{path}, line {row}: {column} is null: tokenize again")
    return table


def _trained(table: pa.Table, tokens: Int) -> Int:
    """Return the number of ids of each document that are trained on, int64, (n,)."""
    values: Int = pc.coalesce(table["trained"], pa.array(tokens)).to_numpy()
    return values


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
        document = _id(folder, name, int(wrong[0]))
        raise InputError(
            f"{folder.path / name}.parquet: document {document!r} is outside of the {available} ids in {name}.bin: "
            "tokenize again"
        )
    mask = folder.manifest.files.get(f"{name}.mask")
    if mask is not None:
        trained = _trained(table, tokens)
        if mask.bytes != (available + 7) // 8 or (trained < 0).any() or (trained > tokens).any():
            raise InputError(f"{folder.path / name}.mask is not the mask of {name}.bin and its index: tokenize again")
    sizes = np.maximum(tokens + added, np.maximum(_integers(table, "bytes"), _integers(table, "chars")))
    large = np.flatnonzero(sizes > MAX_STREAM_TOKENS)
    if len(large):
        document = _id(folder, name, int(large[0]))
        raise InputError(f"{folder.path / name}.parquet: document {document!r} has more than 2^32 bytes: split it")
    return tokens


def _id(folder: Sealed, name: str, row: int) -> str:
    """Return the id of a document."""
    return str(read_index(folder, name, ["id"])["id"][row].as_py())
