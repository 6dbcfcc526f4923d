"""Inspection: the documents of a row, and the rows of a document.

>>> row = row_view(folder, "train", 12)
>>> [(segment.document.id, segment.offset, segment.ids) for segment in row]
>>> view = document_view(folder, "fineweb-2/123")
>>> view.places                              # [(split, row, position, offset, length), ...]

The functions return data; `arcorp inspect` decodes and prints it. Every file is checked against the seal before use.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sharding.errors import InputError
from sharding.layout import PLAN, SEGMENT, DatasetLayout, documents_name, shard_name
from sharding.packing import Plan
from sharding.proving import Prover
from sharding.rows import Split
from sharding.seal import Damaged, Sealed
from sharding.tables import read_table


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One line of the document tables of a dataset. `split`: None for an empty document."""

    ordinal: int
    id: str
    split: str | None
    stratum: str
    source: str
    language: str
    category: str
    license: str | None
    url: str | None
    tokens: int
    bytes: int
    chars: int


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A part of a document in a row.

    offset: first token in the stream of the document, including BOS and EOS; position: first token in the row.
    """

    document: DocumentRecord
    offset: int
    position: int
    ids: list[int]


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a part of a document: tokens offset .. offset + length - 1 of its stream."""

    split: str
    row: int
    position: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document and the locations of its parts, in order. There are none if it is empty or in the dropped tail."""

    document: DocumentRecord
    places: list[Place]


COLUMNS = list(DocumentRecord.__slots__)


def row_view(folder: Path, split: str, row: int) -> list[SegmentView]:
    """Return the segments of a row of a split. Raises InputError if there is no such row, Damaged or Unsealed."""
    sealed = Sealed(folder, "pack")
    rows = Split(folder, split, DatasetLayout.of(sealed.manifest, str(folder)), Prover(sealed))
    if not 0 <= row < rows.rows:
        raise InputError(f"{folder}: split {split} has rows 0 to {rows.rows - 1}, there is no row {row}")
    ids = rows.read([row], raw=True).ids[0]
    parts = _Parts(sealed)
    return [
        SegmentView(
            document=parts.record(int(document)),
            offset=int(offset),
            position=int(position),
            ids=ids[int(position) : int(position) + int(length)].tolist(),
        )
        for document, offset, position, length in rows.segments(row).tolist()
    ]


def document_view(folder: Path, document_id: str) -> DocumentView:
    """Return the locations of a document. Raises InputError if there is no such document, Damaged or Unsealed."""
    sealed = Sealed(folder, "pack")
    layout = DatasetLayout.of(sealed.manifest, str(folder))
    record = _Parts(sealed).find(document_id)
    places = []
    if record.split is not None:
        split = layout.splits.get(record.split)
        stratum = next((s for s in split.strata if s.name == record.stratum), None) if split else None
        if split is None or stratum is None:
            raise Damaged(
                f"{folder}: document {document_id!r} is in split {record.split!r}, stratum {record.stratum!r}, which "
                "the dataset does not have; pack again"
            )
        if stratum.rows:
            for shard in range(stratum.first_row // split.rows_per_shard, split.shards):
                if split.rows_of(shard).start < stratum.first_row + stratum.rows:
                    name = f"{shard_name(record.split, shard, split.shards)}.seg"
                    segments = np.frombuffer(sealed.read(name), SEGMENT)
                    matches = np.flatnonzero(segments["document"] == record.ordinal)
                    rows = split.rows_of(shard).start + np.cumsum(segments["position"] == 0)[matches] - 1
                    places += [
                        Place(record.split, int(r), int(s["position"]), int(s["offset"]), int(s["length"]))
                        for r, s in zip(rows, segments[matches], strict=True)
                    ]
    return DocumentView(record, sorted(places, key=lambda place: place.offset))


class _Parts:
    """The document tables of a dataset."""

    def __init__(self, sealed: Sealed) -> None:
        self._sealed = sealed
        self._parts = Plan.parse(sealed.read(PLAN), sealed.path / PLAN).parts
        self._first = [part.first for part in self._parts]

    def record(self, ordinal: int) -> DocumentRecord:
        """Return the line of a document. Raises Damaged if it is not in the tables."""
        part = bisect.bisect_right(self._first, ordinal) - 1
        if part < 0 or ordinal - self._first[part] >= self._parts[part].documents:
            raise Damaged(f"{self._sealed.path}: a row names document {ordinal}, which is not in {PLAN}; pack again")
        return _record(self._read(part, COLUMNS).slice(ordinal - self._first[part], 1))

    def find(self, document_id: str) -> DocumentRecord:
        """Return the line of the document with an id. Raises InputError if there is none."""
        for part in range(len(self._parts)):
            line = pc.index(self._read(part, ["id"])["id"], document_id).as_py()
            if line >= 0:
                return _record(self._read(part, COLUMNS).slice(line, 1))
        raise InputError(f"{self._sealed.path} has no document {document_id!r}; ids are <source>/<native id>")

    def _read(self, part: int, columns: list[str]) -> pa.Table:
        name = documents_name(part)
        try:
            table = read_table(self._sealed.read(name), columns)
        except (pa.ArrowException, KeyError) as error:
            raise Damaged(f"{self._sealed.path / name} is not a table of documents ({error}); pack again") from None
        if len(table) != self._parts[part].documents:
            raise Damaged(
                f"{self._sealed.path / name} has {len(table)} lines, not {self._parts[part].documents}; pack again"
            )
        return table


def _record(line: pa.Table) -> DocumentRecord:
    (values,) = line.to_pylist()
    return DocumentRecord(**values)
