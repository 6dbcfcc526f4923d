"""Inspection: the documents of a row, and the rows of a document.

>>> row = row_view(folder, "train", 12)
>>> [(segment.document.id, segment.offset, segment.ids) for segment in row]
>>> view = document_view(folder, "fineweb-2/123")
>>> view.places                              # [(split, row, position, offset, length), ...]

The functions return data; `arcorp inspect` decodes and prints it. Every file is checked against the seal before use.
"""

from __future__ import annotations

import bisect
import difflib
import itertools
from collections.abc import Iterable, Iterator
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

    offset: first token in the stream of the document, including BOS and EOS; position: first token in the row;
    trained: whether each id is trained on, None if the row has no mask.
    """

    document: DocumentRecord
    offset: int
    position: int
    ids: list[int]
    trained: list[bool] | None


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
CANDIDATES = 2_000  # ids of a part that are compared with one that does not exist


def row_view(folder: Path, split: str, row: int) -> list[SegmentView]:
    """Return the segments of a row of a split. Raises InputError if there is no such row, Damaged or Unsealed."""
    sealed = Sealed(folder, "pack")
    rows = Split(folder, split, DatasetLayout.of(sealed.manifest, str(folder)), Prover(sealed))
    if not 0 <= row < rows.rows:
        raise InputError(f"{folder}: split {split} has rows 0 to {rows.rows - 1}, there is no row {row}")
    batch = rows.read([row], raw=True)
    ids, mask = batch.ids[0], None if batch.mask is None else batch.mask[0]
    parts = _Parts(sealed)
    return [
        SegmentView(
            document=parts.record(int(document)),
            offset=int(offset),
            position=int(position),
            ids=ids[int(position) : int(position) + int(length)].tolist(),
            trained=None if mask is None else mask[int(position) : int(position) + int(length)].tolist(),
        )
        for document, offset, position, length in rows.segments(row).tolist()
    ]


def document_view(folder: Path, document_id: str) -> DocumentView:
    """Return the locations of a document. Raises InputError if there is no such document, Damaged or Unsealed."""
    views = document_views(folder, [document_id])
    if not views:
        raise InputError(f"{folder} has no document {document_id!r}{_nearest(folder, document_id)}")
    return views[document_id]


def document_views(folder: Path, document_ids: Iterable[str]) -> dict[str, DocumentView]:
    """Return the locations of those documents that the dataset has, by id; each file is read once.

    Raises Damaged or Unsealed.
    """
    sealed = Sealed(folder, "pack")
    layout = DatasetLayout.of(sealed.manifest, str(folder))
    records = _Parts(sealed).find(document_ids)
    places: dict[int, list[Place]] = {record.ordinal: [] for record in records}
    shards: dict[tuple[str, int], list[int]] = {}
    for record in records:
        if record.split is None:
            continue
        split = layout.splits.get(record.split)
        stratum = next((s for s in split.strata if s.name == record.stratum), None) if split else None
        if split is None or stratum is None:
            raise Damaged(
                f"{folder}: document {record.id!r} is in split {record.split!r}, stratum {record.stratum!r}, which "
                "the dataset does not have; pack again"
            )
        if stratum.rows:
            last = (stratum.first_row + stratum.rows - 1) // split.rows_per_shard
            for shard in range(stratum.first_row // split.rows_per_shard, last + 1):
                shards.setdefault((record.split, shard), []).append(record.ordinal)
    for (name, shard), ordinals in sorted(shards.items()):
        split = layout.splits[name]
        segments = np.frombuffer(sealed.read(f"{shard_name(name, shard, split.shards)}.seg"), SEGMENT)
        matches = np.flatnonzero(np.isin(segments["document"], ordinals))
        rows = split.rows_of(shard).start + np.cumsum(segments["position"] == 0)[matches] - 1
        for row, segment in zip(rows, segments[matches], strict=True):
            place = Place(name, int(row), int(segment["position"]), int(segment["offset"]), int(segment["length"]))
            places[int(segment["document"])].append(place)
    return {
        record.id: DocumentView(record, sorted(places[record.ordinal], key=lambda place: place.offset))
        for record in records
    }


def document_lines(folder: Path) -> Iterator[tuple[str, str | None, int]]:
    """Yield (id, split, tokens) of each document of a dataset, in its order. Raises Damaged or Unsealed."""
    yield from _Parts(Sealed(folder, "pack")).lines()


def _nearest(folder: Path, document_id: str) -> str:
    """Return a clause on the ids of a dataset that are most like one that it does not have."""
    ids = _Parts(Sealed(folder, "pack")).like(document_id)
    return f": did you mean {' or '.join(map(repr, ids))}?" if ids else "; ids are <source>/<native id>"


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

    def find(self, document_ids: Iterable[str]) -> list[DocumentRecord]:
        """Return the lines of the documents with these ids; of an id that no document has there is none."""
        ids = pa.array(sorted(set(document_ids)), pa.string())
        records: dict[str, DocumentRecord] = {}
        for part in range(len(self._parts)):
            if len(records) == len(ids):
                break
            lines = np.flatnonzero(pc.is_in(self._read(part, ["id"])["id"].cast(pa.string()), ids).to_numpy())
            if len(lines):
                table = self._read(part, COLUMNS)
                for line in lines.tolist():
                    record = _record(table.slice(line, 1))
                    records.setdefault(record.id, record)
        return list(records.values())

    def lines(self) -> Iterator[tuple[str, str | None, int]]:
        """Yield (id, split, tokens) of each document."""
        for part in range(len(self._parts)):
            table = self._read(part, ["id", "split", "tokens"])
            yield from zip(*(table[name].to_pylist() for name in ("id", "split", "tokens")), strict=True)

    def like(self, document_id: str) -> list[str]:
        """Return up to three ids that are most like one, the most similar first."""
        nearest: list[str] = []
        for part in range(len(self._parts)):
            ids = self._read(part, ["id"])["id"].to_pylist()
            nearest = difflib.get_close_matches(document_id, [*nearest, *_candidates(ids, document_id)], 3, 0.6)
        return nearest

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


def _candidates(ids: list[str], document_id: str) -> list[str]:
    """Return the ids that share the first or the last half of one, at most CANDIDATES: comparing all would be slow."""
    half = max(1, len(document_id) // 2)
    first, last = document_id[:half], document_id[-half:]
    alike = (name for name in ids if name.startswith(first) or name.endswith(last) or document_id in name)
    return list(itertools.islice(alike, CANDIDATES))


def _record(line: pa.Table) -> DocumentRecord:
    (values,) = line.to_pylist()
    return DocumentRecord(**values)
