"""The layout of a dataset folder: file names, record types, and the `summary` of its manifest.

    shards/train-00000-of-00453.bin     rows of `row_tokens` ids, no header: np.memmap(...).reshape(-1, row_tokens)
    shards/train-00000-of-00453.seg     the segments of each row, one `SEGMENT` record each, in row order
    shards/train-00000-of-00453.mask    a bit for each id of a row, in whole bytes: 1 if the id is trained on. A shard
                                        has it if a row of it belongs to a stratum with a mask
    documents/part-00000.parquet        the documents; the *ordinal* of a document is its line number over all parts

Rows of a split are numbered over all its shards, one stratum after the other, so that both a stratum and a shard are
a range of rows. The *stream* of a document is [bos] + ids + [eos], depending on the options; a segment is a part of
one stream. The segments of a row tile it exactly, so `position == 0` marks the first segment of a row and row numbers
are not stored. Numpy and the standard library only: the trainer imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sharding import checked
from sharding.options import ATTRIBUTES, MAX_ROW_TOKENS
from sharding.options import SCHEDULE as SCHEDULE
from sharding.options import SPLITS as SPLITS
from sharding.seal import Damaged, FileRecord, Manifest

SEGMENT = np.dtype([("document", "<u8"), ("offset", "<u4"), ("position", "<u2"), ("length", "<u2")])
"""Ordinal of the document, first token in its stream, first token in the row, number of tokens."""

MAX_STREAM_TOKENS = 2**32 - 1  # `offset` is a u4
PLAN = "plan.json"
TOKENIZER = "tokenizer/tokenizer.json"

Ids = npt.NDArray[np.integer[Any]]


def dtype_for(vocab_size: int) -> str:
    """Return `<u2` for up to 65,536 ids, else `<u4`. A numpy cast of 70,000 to u2 gives 4,464 without an error."""
    return "<u2" if vocab_size <= 65_536 else "<u4"


def shard_name(split: str, shard: int, shards: int) -> str:
    """Return the path of a shard in the dataset folder, without its suffix."""
    return f"shards/{split}-{shard:05d}-of-{shards:05d}"


def documents_name(part: int) -> str:
    """Return the path of a document table in the dataset folder."""
    return f"documents/part-{part:05d}.parquet"


@dataclass(frozen=True, slots=True)
class StratumLayout:
    """One stratum of a split: its range of rows and the size of its documents.

    source, language, category: None if strata are not split by the attribute; first_row, rows: the range of rows;
    documents, tokens, bytes, chars: size of its documents, in ids without BOS and EOS, UTF-8 bytes and characters;
    trained: those of its tokens that are trained on, None if all are and the stratum has no mask.
    """

    name: str
    source: str | None
    language: str | None
    category: str | None
    first_row: int
    rows: int
    documents: int
    tokens: int
    bytes: int
    chars: int
    trained: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields; without `trained` if there is no mask, as in datasets of before masks."""
        return {name: value for name, value in asdict(self).items() if name != "trained" or value is not None}

    def check(self, first_row: int) -> None:
        """Raise ValueError unless the stratum begins at `first_row` and all its numbers are counts."""
        checked.text(self.name, "name of a stratum")
        for attribute in ATTRIBUTES:
            if getattr(self, attribute) is not None:
                checked.text(getattr(self, attribute), attribute)
        for number in ("first_row", "rows", "documents", "tokens", "bytes", "chars"):
            checked.count(getattr(self, number), f"{number} of stratum {self.name!r}")
        if self.trained is not None:
            checked.count(self.trained, f"trained of stratum {self.name!r}", most=self.tokens)
        if self.first_row != first_row:
            raise ValueError(f"stratum {self.name!r} begins at row {self.first_row}, not {first_row}")


@dataclass(frozen=True, slots=True)
class SplitLayout:
    """Rows of a split and its shards: each has `rows_per_shard` rows, the last one the remainder."""

    rows: int
    rows_per_shard: int
    shards: int
    strata: tuple[StratumLayout, ...]

    def check(self, name: str) -> None:
        """Raise ValueError unless the shards hold all rows and the strata tile them in order. `name`: of the split."""
        checked.count(self.rows, f"rows of {name}")
        checked.count(self.rows_per_shard, f"rows_per_shard of {name}", least=1)
        if checked.count(self.shards, f"shards of {name}") != -(-self.rows // self.rows_per_shard):
            raise ValueError(f"{self.shards} shards of {name} can't hold {self.rows} rows, {self.rows_per_shard} each")
        row = 0
        for stratum in self.strata:
            stratum.check(row)
            row += stratum.rows
        if row != self.rows or len({stratum.name for stratum in self.strata}) != len(self.strata):
            raise ValueError(f"the strata of {name} have {row} rows of {self.rows}, or one name twice")

    def rows_of(self, shard: int) -> range:
        """Return the row numbers of a shard."""
        first = shard * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, self.rows))

    def is_masked(self, shard: int) -> bool:
        """Return whether a shard has a mask: a row of it belongs to a stratum that has one."""
        rows = self.rows_of(shard)
        return any(
            stratum.trained is not None
            and max(rows.start, stratum.first_row) < min(rows.stop, stratum.first_row + stratum.rows)
            for stratum in self.strata
        )


@dataclass(frozen=True, slots=True)
class DatasetLayout:
    """The `summary` of a dataset's manifest.

    bos, eos: ids or None; max_id: the largest id in any row; tokenizer: sha256 of its tokenizer.json.
    """

    row_tokens: int
    dtype: str
    vocab_size: int
    max_id: int
    bos: int | None
    eos: int | None
    tokenizer: str
    policy: str
    fill: str
    splits: dict[str, SplitLayout]

    def to_json(self) -> dict[str, Any]:
        splits = {
            name: {**asdict(split), "strata": [stratum.to_json() for stratum in split.strata]}
            for name, split in self.splits.items()
        }
        return {**asdict(self), "splits": splits}

    @classmethod
    def of(cls, manifest: Manifest, where: str) -> DatasetLayout:
        """Return the layout of a sealed dataset, checked against the sizes of its files.

        The shards of a dataset whose manifest has leaves are checked when they are opened (`check_shard`).
        where: name of the manifest in messages. Raises Damaged if this is not the manifest of a dataset.
        """
        layout = cls.from_json(manifest.summary, where)
        if sum(split.shards for split in layout.splits.values()) > len(manifest.files):
            raise Damaged(f"{where}: its summary has more shards than it has files; build the folder again")
        if manifest.leaves is None:
            for name, split in layout.splits.items():
                for shard in range(split.shards):
                    layout.check_shard(manifest.files, name, shard, where)
        return layout

    def check_shard(self, files: Mapping[str, FileRecord], name: str, shard: int, where: str) -> None:
        """Raise Damaged unless the records of the files of a shard have the sizes that the layout gives.

        name: of the split; where: name of the manifest in messages.
        """
        split = self.splits[name]
        rows, file = len(split.rows_of(shard)), shard_name(name, shard, split.shards)
        ids, segments, mask = (files.get(f"{file}{suffix}") for suffix in (".bin", ".seg", ".mask"))
        if ids is None or ids.bytes != rows * self.row_bytes:
            raise Damaged(f"{where}: {file}.bin is not the shard that its summary describes; build again")
        least, most = rows * SEGMENT.itemsize, rows * self.row_tokens * SEGMENT.itemsize
        if segments is None or segments.bytes % SEGMENT.itemsize or not least <= segments.bytes <= most:
            raise Damaged(f"{where}: {file}.seg can't hold the segments of {rows} rows; build again")
        if (mask.bytes if mask else None) != (rows * self.mask_bytes if split.is_masked(shard) else None):
            raise Damaged(f"{where}: {file}.mask is not the mask that its summary describes; build again")

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> DatasetLayout:
        """Return the layout in a summary. Raises Damaged, naming `where`, if it is not the summary of a dataset."""
        try:
            splits = {
                name: SplitLayout(**{**split, "strata": tuple(StratumLayout(**s) for s in split["strata"])})
                for name, split in value["splits"].items()
            }
            layout = cls(**{**value, "splits": splits})
            layout.check()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged(
                f"{where}: its summary is not that of a dataset ({error!r}); build the folder again"
            ) from None
        return layout

    def check(self) -> None:
        """Raise ValueError unless every number is valid and consistent with the others."""
        checked.count(self.row_tokens, "row_tokens", least=2, most=MAX_ROW_TOKENS)
        checked.count(self.vocab_size, "vocab_size", least=1, most=2**32)
        checked.count(self.max_id, "max_id", most=self.vocab_size - 1)
        for name, special in (("bos", self.bos), ("eos", self.eos)):
            if special is not None:
                checked.count(special, name, most=self.vocab_size - 1)
        for name in ("tokenizer", "policy", "fill"):
            checked.text(getattr(self, name), name)
        if set(self.splits) != set(SPLITS) or self.dtype != dtype_for(self.vocab_size):
            raise ValueError(f"splits {sorted(self.splits)}, dtype {self.dtype}, {self.vocab_size} ids")
        for name, split in self.splits.items():
            split.check(name)

    @property
    def end(self) -> int | None:
        """The id that a model learns to predict after the last token of a document: EOS, else the next BOS."""
        return self.bos if self.eos is None else self.eos

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return self.row_tokens * np.dtype(self.dtype).itemsize

    @property
    def mask_bytes(self) -> int:
        """Size of the mask of a row in bytes."""
        return (self.row_tokens + 7) // 8

    @property
    def is_masked(self) -> bool:
        """Whether a stratum has a mask."""
        return any(stratum.trained is not None for split in self.splits.values() for stratum in split.strata)
