"""The plan: everything that determines the rows of a dataset, fixed before the first row is written.

`plan.json` and the `documents/` tables (recorded in it by sha256) make each shard a pure function of (plan, split,
shard number): shards can be written in any order, on any machine and after any interruption, with the same result. The
plan contains the options, the digests of the tokens folders, and the windows of each stratum with their carried
pieces; segments are computed again when a shard is written. The counts of the plan balance: the use of every document
and token is determined before a row exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sharding import checked
from sharding.errors import OptionError
from sharding.layout import (
    MAX_STREAM_TOKENS,
    PLAN,
    SPLITS,
    DatasetLayout,
    SplitLayout,
    StratumLayout,
    documents_name,
    dtype_for,
)
from sharding.options import FILL, PackOptions
from sharding.seal import Counts, CountsByUnit, Damaged, FileRecord, Unsealed, parsed, records_from_json

FORMAT = 1

Piece = tuple[int, int, int]
"""(document ordinal, offset in its stream, length): tokens that a window carries into the next."""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows first_row .. first_row + rows - 1 of a split.

    documents: range of ordinals (first, one past the last); the documents of the stratum in it are packed after the
    pieces in `carry`.
    """

    first_row: int
    rows: int
    documents: tuple[int, int]
    carry: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class StratumPlan:
    """The rows of a stratum in a split. `tail`: the dropped pieces after the last full row."""

    layout: StratumLayout
    windows: tuple[Window, ...]
    tail: tuple[Piece, ...]

    def check(self, documents: int) -> None:
        """Raise ValueError unless the windows tile the rows of the stratum, and ordinals are below `documents`."""
        row = self.layout.first_row
        for window in self.windows:
            first, stop = window.documents
            checked.count(stop, "end of a window's documents", most=documents)
            checked.count(first, "first document of a window", most=stop)
            if window.first_row != row:
                raise ValueError(f"a window of {self.layout.name!r} begins at row {window.first_row!r:.40}, not {row}")
            row += checked.count(window.rows, "rows of a window")
            _check_pieces(window.carry, documents)
        if row != self.layout.first_row + self.layout.rows:
            raise ValueError(f"the windows of {self.layout.name!r} have other rows than the stratum")
        _check_pieces(self.tail, documents)


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The rows of a split, its shards and its strata."""

    rows: int
    rows_per_shard: int
    shards: int
    strata: tuple[StratumPlan, ...]

    @property
    def layout(self) -> SplitLayout:
        """The layout of the split, without windows."""
        return SplitLayout(self.rows, self.rows_per_shard, self.shards, tuple(s.layout for s in self.strata))


@dataclass(frozen=True, slots=True)
class PartPlan:
    """One part of a tokens folder.

    folder: index of the folder; name: of the part, without a suffix; first: ordinal of its first document; documents:
    number of documents.
    """

    folder: int
    name: str
    first: int
    documents: int


@dataclass(frozen=True)
class Plan:
    """The content of `plan.json`.

    inputs: digests of the tokens folders, in order; tokenizer: sha256 of its tokenizer.json; dtype: of the ids; parts:
    of all folders, in order; documents: records of the document tables by name; splits: by name; counts: by unit.
    """

    options: PackOptions
    inputs: tuple[str, ...]
    tokenizer: str
    vocab_size: int
    dtype: str
    parts: tuple[PartPlan, ...]
    documents: dict[str, FileRecord]
    splits: dict[str, SplitPlan]
    counts: CountsByUnit

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `plan.json`."""
        return {
            "format": FORMAT,
            "options": self.options.to_json(),
            "inputs": list(self.inputs),
            "tokenizer": self.tokenizer,
            "vocab_size": self.vocab_size,
            "dtype": self.dtype,
            "parts": [[part.folder, part.name, part.first, part.documents] for part in self.parts],
            "documents": {name: [record.bytes, record.sha256] for name, record in self.documents.items()},
            "splits": {name: _split_to_json(split) for name, split in self.splits.items()},
            "counts": {unit: counts.to_json() for unit, counts in self.counts.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """Return a checked plan. Raises ValueError, KeyError, TypeError, AttributeError or OptionError."""
        plan = cls(
            options=PackOptions.from_json(value["options"]),
            inputs=tuple(checked.sha256(digest, "input") for digest in value["inputs"]),
            tokenizer=checked.text(value["tokenizer"], "tokenizer"),
            vocab_size=checked.count(value["vocab_size"], "vocab_size", least=1, most=2**32),
            dtype=value["dtype"],
            parts=tuple(PartPlan(*part) for part in value["parts"]),
            documents=records_from_json(value["documents"]),
            splits={name: _split_from_json(split) for name, split in value["splits"].items()},
            counts={unit: Counts.from_json(counts) for unit, counts in value["counts"].items()},
        )
        plan.check()
        return plan

    def check(self) -> None:
        """Raise ValueError unless parts are numbered in order, and windows tile the rows with documents that exist."""
        total = 0
        for part in self.parts:
            checked.file_name(part.name)
            checked.count(part.folder, "folder of a part", most=max(len(self.inputs) - 1, 0))
            if part.first != total:
                raise ValueError(f"part {part.name} begins at document {part.first!r:.40}, not {total}")
            total += checked.count(part.documents, f"documents of {part.name}")
        if set(self.documents) - {documents_name(number) for number in range(len(self.parts))}:
            raise ValueError(f"it has {len(self.parts)} parts, and document tables of other parts")
        if set(self.splits) != set(SPLITS) or self.dtype != dtype_for(self.vocab_size):
            raise ValueError(f"splits {sorted(self.splits)}, dtype {self.dtype!r}, {self.vocab_size} ids")
        for name, split in self.splits.items():
            split.layout.check(name)
            for stratum in split.strata:
                stratum.check(total)

    @classmethod
    def parse(cls, data: bytes, where: Path) -> Plan:
        """Return the plan in the bytes of a file. Raises Damaged, naming `where`, if it is invalid."""
        try:
            value = parsed(data)
            if value["format"] != FORMAT:
                raise Damaged(f"{where} has format {value['format']}, this arcorp reads {FORMAT}; pack again")
            return cls.from_json(value)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OptionError) as error:
            raise Damaged(f"{where} is not a plan ({error!r}); delete it and pack again") from None

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """Return the plan of a dataset folder. Raises Unsealed if there is none, Damaged if it is invalid."""
        path = folder / PLAN
        try:
            return cls.parse(path.read_bytes(), path)
        except FileNotFoundError:
            raise Unsealed(f"{path} is missing: pack again") from None

    def with_documents(self, records: Mapping[str, FileRecord]) -> Plan:
        """Return the plan with the records of the document tables, by name, once these are written."""
        return replace(self, documents=dict(records))

    def layout(self, max_id: int) -> DatasetLayout:
        """Return the `summary` of the dataset's manifest. `max_id`: the largest id in all shards."""
        return DatasetLayout(
            row_tokens=self.options.row_tokens,
            dtype=self.dtype,
            vocab_size=self.vocab_size,
            max_id=max_id,
            bos=self.options.bos,
            eos=self.options.eos,
            tokenizer=self.tokenizer,
            policy=self.options.policy,
            fill=FILL,
            splits={name: split.layout for name, split in self.splits.items()},
        )


def _split_to_json(split: SplitPlan) -> dict[str, Any]:
    strata = [
        {
            **stratum.layout.to_json(),
            "windows": [[w.first_row, w.rows, list(w.documents), [list(p) for p in w.carry]] for w in stratum.windows],
            "tail": [list(piece) for piece in stratum.tail],
        }
        for stratum in split.strata
    ]
    return {"rows": split.rows, "rows_per_shard": split.rows_per_shard, "shards": split.shards, "strata": strata}


def _split_from_json(value: Mapping[str, Any]) -> SplitPlan:
    strata = []
    for stratum in value["strata"]:
        layout = {key: field for key, field in stratum.items() if key not in ("windows", "tail")}
        windows = tuple(
            Window(first_row, rows, (documents[0], documents[1]), _pieces(carry))
            for first_row, rows, documents, carry in stratum["windows"]
        )
        strata.append(StratumPlan(StratumLayout(**layout), windows, _pieces(stratum["tail"])))
    return SplitPlan(value["rows"], value["rows_per_shard"], value["shards"], tuple(strata))


def _pieces(values: list[list[int]]) -> tuple[Piece, ...]:
    return tuple((document, offset, length) for document, offset, length in values)


def _check_pieces(pieces: tuple[Piece, ...], documents: int) -> None:
    for document, offset, length in pieces:
        checked.count(document, "document of a piece", most=documents - 1)
        checked.count(offset, "offset of a piece", most=MAX_STREAM_TOKENS)
        checked.count(length, "length of a piece", most=MAX_STREAM_TOKENS - offset)
