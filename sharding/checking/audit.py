"""Auditing a dataset: what its bytes mean, beyond their being unchanged.

    rows        every id is in the vocabulary; the segments of a row tile it; BOS and EOS stand where a stream
                begins and ends; a row's documents belong to its stratum and split
    documents   every token of every document is in exactly one row, or in the tail that was dropped
    counts      rows and the tables add up to the manifest's ledgers
    text        sampled rows, decoded, are the text of their documents

That pieces cover a stream exactly once is proven without sorting them: pieces are edges from their first to
their last token, and exactly one path leads from 0 to the end if and only if every other point is left as
often as it is entered. With points hashed to 64 bits this is one running sum a document, 8 bytes, whatever
the order in which pieces are met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sharding.layout import PLAN, SEGMENT, SPLITS, DatasetLayout, Ids, documents_name, shard_name
from sharding.packing import Plan
from sharding.rows import BoolArray, Split
from sharding.scheduling import U64
from sharding.seal import Damaged, Fault, Manifest
from sharding.shard import Segments
from sharding.tables import read_table

DocumentReader = Callable[[str], str | None]
"""Text of a document by its id, or None if there is no such document."""

Decode = Callable[[list[int]], str]

CHUNK_ROWS = 1 << 14
MOST_FAULTS = 20  # of one kind or shard: the rest is more of the same
CUT = "\ufffd"

_COLUMNS = pa.schema([(name, pa.string()) for name in ("id", "stratum", "split")] + [("tokens", pa.int64())])

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Documents:
    """One line for each ordinal. `stratum` is an index in the names, `split` in SPLITS, -1 for none."""

    ids: Any  # pyarrow strings: a Python list would cost ten times the memory
    stratum: Int
    split: Int
    streams: Int
    names: list[str]


def audit(
    folder: Path,
    manifest: Manifest,
    *,
    decode: Decode | None = None,
    read_document: DocumentReader | None = None,
    sample_rows: int = 64,
) -> list[Fault]:
    """The faults of a dataset whose files are known to be as sealed (`verify` sees to that).

    Without `decode` and `read_document` no text is compared.
    """
    layout = DatasetLayout.of(manifest, str(folder))
    plan = Plan.read(folder)
    missing = next((unit for unit in ("documents", "tokens") if unit not in manifest.counts), None)
    if missing or {name: split.layout for name, split in plan.splits.items()} != layout.splits:
        return [Fault(PLAN, f"the manifest counts no {missing}" if missing else "its rows differ from the manifest's")]
    documents = _read_documents(folder, plan, layout)
    faults = _audit_counts(plan, manifest, layout, documents)
    balance = np.zeros(len(documents.streams), np.uint64)
    for code, split in enumerate(SPLITS):
        for k in range(layout.splits[split].shards):
            faults += _ShardAudit(folder, code, k, layout, documents).run(balance)
    if not faults:
        faults += _audit_coverage(plan, documents, balance)
    if not faults and decode is not None and read_document is not None:
        faults += _audit_text(folder, manifest, layout, documents, decode, read_document, sample_rows)
    return faults


def _read_documents(folder: Path, plan: Plan, layout: DatasetLayout) -> _Documents:
    names = [stratum.name for stratum in layout.splits["train"].strata]
    try:
        tables = [
            read_table(folder / documents_name(part), ["id", "stratum", "split", "tokens"]).cast(_COLUMNS)
            for part in range(len(plan.parts))
        ]
    except (pa.ArrowException, KeyError, OSError) as error:
        raise Damaged(f"{folder}: its tables of documents can't be read ({error}); pack again") from None
    table = pa.concat_tables(tables)
    if table["tokens"].null_count or pc.min(table["tokens"]).as_py() < 0:
        raise Damaged(f"{folder}: its tables have documents without a number of tokens; pack again")
    tokens = table["tokens"].to_numpy()
    return _Documents(
        ids=table["id"],
        stratum=pc.index_in(table["stratum"], pa.array(names)).fill_null(-1).to_numpy(),
        split=pc.index_in(table["split"], pa.array(SPLITS)).fill_null(-1).to_numpy(),
        streams=np.where(tokens > 0, tokens + plan.options.added, 0),
        names=names,
    )


def _audit_counts(plan: Plan, manifest: Manifest, layout: DatasetLayout, documents: _Documents) -> list[Fault]:
    """Rows, tables, plan and manifest must say the same."""
    added = plan.options.added
    faults = []
    if manifest.counts != plan.counts:
        faults.append(Fault(PLAN, "its counts differ from the manifest's"))
    expected = {
        "documents": (len(documents.streams), manifest.counts["documents"].input),
        "tokens in": (
            int(documents.streams.sum()) - added * int(np.count_nonzero(documents.streams)),
            manifest.counts["tokens"].input,
        ),
        "tokens out": (
            layout.row_tokens * sum(split.rows for split in layout.splits.values()),
            manifest.counts["tokens"].out,
        ),
    }
    for what, (found, said) in expected.items():
        if found != said:
            faults.append(Fault("manifest.json", f"{what}: {found} are there, its ledger says {said}"))
    return faults


class _ShardAudit:
    """One shard: its rows and their segments."""

    def __init__(self, folder: Path, split: int, shard: int, layout: DatasetLayout, documents: _Documents) -> None:
        described = layout.splits[SPLITS[split]]
        self._name = shard_name(SPLITS[split], shard, described.shards)
        self._rows = described.rows_of(shard)
        self._ids: Ids = np.memmap(folder / f"{self._name}.bin", layout.dtype, "r").reshape(-1, layout.row_tokens)
        self._segments = np.memmap(folder / f"{self._name}.seg", SEGMENT, "r")
        self._split = split
        self._layout = layout
        self._documents = documents
        self._ends = np.array([s.first_row + s.rows for s in described.strata])
        self._faults: list[Fault] = []

    def run(self, balance: U64) -> list[Fault]:
        """Faults of the shard, `MOST_FAULTS` at most; enters its pieces in `balance` if there are none."""
        begins = np.flatnonzero(self._segments["position"] == 0)
        if len(begins) != len(self._rows) or (len(begins) and begins[0] != 0):
            return [Fault(f"{self._name}.seg", f"its segments begin {len(begins)} rows, there are {len(self._rows)}")]
        bounds = np.append(begins, len(self._segments))
        for first in range(0, len(self._rows), CHUNK_ROWS):
            stop = min(first + CHUNK_ROWS, len(self._rows))
            segments = np.array(self._segments[bounds[first] : bounds[stop]])
            row = first + np.repeat(np.arange(stop - first), np.diff(bounds[first : stop + 1]))
            if self._tiled(segments, row):
                self._check_documents(segments, row)
                self._check_ids(self._ids[first:stop], segments, row, first)
            if not self._faults:
                document, offset = segments["document"].astype(np.int64), segments["offset"].astype(np.uint64)
                step = _point(offset) - _point(offset + segments["length"])
                np.add.at(balance, document, step)
        return self._faults

    def _tiled(self, segments: Segments, row: Int) -> bool:
        """Each segment ends where the next begins, the last of a row at the row's end; documents exist."""
        position, length = segments["position"].astype(np.int64), segments["length"].astype(np.int64)
        last = np.append(row[1:] != row[:-1], True)
        end = np.where(last, self._layout.row_tokens, np.append(position[1:], 0))
        tiles = (length > 0) & (position + length == end)
        exists = segments["document"] < len(self._documents.streams)
        self._report(".seg", ~tiles, segments, row, "its segments do not tile it")
        self._report(".seg", ~exists, segments, row, "it names a document that is not there")
        return bool(tiles.all() and exists.all())

    def _check_documents(self, segments: Segments, row: Int) -> None:
        document = segments["document"].astype(np.int64)
        stratum = np.searchsorted(self._ends, row + self._rows.start, side="right")
        wrong = (self._documents.stratum[document] != stratum) | (self._documents.split[document] != self._split)
        self._report(".seg", wrong, segments, row, "the document is of another stratum or split")
        beyond = segments["offset"].astype(np.int64) + segments["length"] > self._documents.streams[document]
        self._report(".seg", beyond, segments, row, "the segment goes beyond the document's end")

    def _check_ids(self, ids: Ids, segments: Segments, row: Int, first_row: int) -> None:
        starts, length = segments["position"].astype(np.int64), segments["length"].astype(np.int64)
        if int(ids.max()) > self._layout.max_id:
            most = np.maximum.reduceat(ids.reshape(-1), (row - first_row) * self._layout.row_tokens + starts)
            self._report(".bin", most >= self._layout.vocab_size, segments, row, "an id is not in the vocabulary")
            self._report(".bin", most > self._layout.max_id, segments, row, "an id is above the manifest's max_id")
        offset = segments["offset"].astype(np.int64)
        at_end = offset + length == self._documents.streams[segments["document"].astype(np.int64)]
        for name, special, here, place in (
            ("BOS", self._layout.bos, offset == 0, starts),
            ("EOS", self._layout.eos, at_end, starts + length - 1),
        ):
            if special is not None:
                wrong = here & (ids[row - first_row, place] != special)
                self._report(".bin", wrong, segments, row, f"there is no {name} where the document has it")

    def _report(self, suffix: str, wrong: BoolArray, segments: Segments, row: Int, what: str) -> None:
        for k in np.flatnonzero(wrong)[: MOST_FAULTS - len(self._faults)]:
            ordinal = int(segments["document"][k])
            known = ordinal < len(self._documents.streams)
            document = repr(self._documents.ids[ordinal].as_py()) if known else f"with ordinal {ordinal}"
            place = f"row {self._rows.start + int(row[k])} of {SPLITS[self._split]}, document {document}"
            self._faults.append(Fault(f"{self._name}{suffix}", f"{place}: {what}"))


def _point(offset: U64) -> U64:
    """64 bits for a place in a stream: the finaliser of splitmix64."""
    mixed = (offset + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _audit_coverage(plan: Plan, documents: _Documents, balance: U64) -> list[Fault]:
    """Every token of every document in one row, or in the dropped tail, and in one only."""
    tail = [piece for split in plan.splits.values() for stratum in split.strata for piece in stratum.tail]
    for ordinal, offset, length in tail:
        ends = np.array([offset, offset + length], np.uint64)
        left, entered = _point(ends)
        balance[ordinal : ordinal + 1] += np.array([left]) - np.array([entered])
    expected = _point(np.zeros(len(balance), np.uint64)) - _point(documents.streams.astype(np.uint64))
    return [
        Fault(
            documents_name(_part_of(plan, int(ordinal))),
            f"document {documents.ids[int(ordinal)].as_py()!r}: its tokens are not in the rows once each",
        )
        for ordinal in np.flatnonzero(balance != expected)[:MOST_FAULTS]
    ]


def _part_of(plan: Plan, ordinal: int) -> int:
    return max(k for k, part in enumerate(plan.parts) if part.first <= ordinal)


def _audit_text(
    folder: Path,
    manifest: Manifest,
    layout: DatasetLayout,
    documents: _Documents,
    decode: Decode,
    read_document: DocumentReader,
    sample_rows: int,
) -> list[Fault]:
    """Decode sampled rows, the same for the same dataset, and find them in their documents."""
    rng = np.random.default_rng(int(manifest.digest[:16], 16))
    faults = []
    for name in SPLITS:
        split = Split(folder, name, layout, None)  # every byte was hashed before the audit
        rows = np.sort(rng.choice(split.rows, min(sample_rows, split.rows), replace=False))
        batch = split.read(rows, raw=True)
        for ids, segments, row in zip(batch.ids, batch.segments, rows, strict=True):
            for segment in segments:
                ordinal = int(segment["document"])
                document = documents.ids[ordinal].as_py()
                what = _compare(ids, segment, int(documents.streams[ordinal]), layout, decode, read_document(document))
                if what:
                    place = f"row {row} of {name}, document {document!r}"
                    faults.append(Fault(f"{split.shard_of(int(row))}.bin", f"{place}: {what}"))
    return faults[:MOST_FAULTS]


def _compare(
    ids: Ids, segment: Any, stream: int, layout: DatasetLayout, decode: Decode, text: str | None
) -> str | None:
    """What is wrong with one segment, or None. A cut may go through a character: U+FFFD at a cut is set aside."""
    if text is None:
        return "there is no such document"
    first, length = int(segment["position"]), int(segment["length"])
    begins, ends = segment["offset"] == 0, int(segment["offset"]) + length == stream
    inside = slice(first + (begins and layout.bos is not None), first + length - (ends and layout.eos is not None))
    piece = decode(ids[inside].tolist())
    if begins and ends:
        right = piece == text
    elif begins:
        right = text.startswith(piece.rstrip(CUT))
    elif ends:
        right = text.endswith(piece.lstrip(CUT))
    else:
        right = piece.strip(CUT) in text
    return None if right else "its ids do not decode to the document's text"
