"""Audit of the content of a dataset. It requires that the files are unchanged.

    rows        every id is in the vocabulary; the segments of a row tile it; BOS and EOS are at the ends of each
    stream;
                the documents of a row belong to its stratum and split; no special token repeats, as in padding
    documents   every token of every document is in exactly one row, or in the dropped tail
    counts      the rows and the tables agree with the counts of the manifest
    masks       see `sharding.checking.masks`
    text        sampled rows, decoded, are equal to the text of their documents

Coverage of a stream by its pieces is checked without sorting. A piece is an edge from its first to its last token. The
pieces cover the stream exactly once if and only if each point between 0 and the end has as many incoming as outgoing
edges. With points hashed to 64 bits, this is one running sum of 8 bytes per document, in any order of the pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sharding.checking.masks import Rendered, audit_masks
from sharding.layout import PLAN, SEGMENT, SPLITS, DatasetLayout, Ids, documents_name, shard_name
from sharding.packing import Plan
from sharding.rows import BoolArray, Split
from sharding.scheduling import U64
from sharding.seal import Damaged, Fault, Manifest
from sharding.shard import Segments
from sharding.tables import read_table

DocumentReader = Callable[[Set[str]], Mapping[str, str]]
"""Returns the texts of documents by their ids; without those that do not exist."""

Decode = Callable[[list[int]], str]

CHUNK_ROWS = 1 << 14
MOST_FAULTS = 20  # reported for each kind or shard
CUT = "\ufffd"
"""Decoded text of a character that is split over two segments."""

_COLUMNS = pa.schema([(name, pa.string()) for name in ("id", "stratum", "split")] + [("tokens", pa.int64())])

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents by ordinal.

    ids: their names; stratum: index in `names`; split: index in `SPLITS`, -1 for none; streams: tokens with BOS and
    EOS; all of shape (documents,).
    """

    ids: Any  # pyarrow strings: a Python list needs ten times the memory
    stratum: Int
    split: Int
    streams: Int
    names: list[str]


def audit(
    folder: Path,
    manifest: Manifest,
    *,
    decode: Decode | None = None,
    read_documents: DocumentReader | None = None,
    rendered: Rendered | None = None,
    sample_rows: int = 64,
) -> list[Fault]:
    """Return the faults of a dataset whose files are unchanged, as checked by `verify`.

    manifest: of `folder`; decode: converts ids to text; read_documents: returns the texts of documents by their ids;
    text is compared only if both are given; rendered: yields the documents with a mask; sample_rows: rows of each
    split to compare with text. Raises Damaged for unreadable tables.
    """
    layout = DatasetLayout.of(manifest, str(folder))
    plan = Plan.read(folder)
    missing = next((unit for unit in ("documents", "tokens") if unit not in manifest.counts), None)
    if missing or {name: split.layout for name, split in plan.splits.items()} != layout.splits:
        return [
            Fault(
                PLAN, f"the manifest has no counts of {missing}" if missing else "its rows differ from the manifest's"
            )
        ]
    documents = _read_documents(folder, plan, layout)
    faults = _audit_counts(plan, manifest, layout, documents)
    balance = np.zeros(len(documents.streams), np.uint64)
    special = _special_ids(folder, layout)
    for code, split in enumerate(SPLITS):
        for k in range(layout.splits[split].shards):
            faults += _ShardAudit(folder, code, k, layout, documents, special).run(balance)
    if not faults:
        faults += _audit_coverage(plan, documents, balance)
    if not faults:
        faults += audit_masks(folder, plan, layout, rendered)
    if not faults and decode is not None and read_documents is not None:
        faults += _audit_text(folder, manifest, layout, documents, decode, read_documents, sample_rows)
    return faults


def _read_documents(folder: Path, plan: Plan, layout: DatasetLayout) -> _Documents:
    names = [stratum.name for stratum in layout.splits["train"].strata]
    try:
        tables = [
            read_table(folder / documents_name(part), ["id", "stratum", "split", "tokens"]).cast(_COLUMNS)
            for part in range(len(plan.parts))
        ]
    except (pa.ArrowException, KeyError, OSError) as error:
        raise Damaged(f"{folder}: its document tables cannot be read ({error}); pack again") from None
    table = pa.concat_tables(tables)
    if table["tokens"].null_count or pc.min(table["tokens"]).as_py() < 0:
        raise Damaged(f"{folder}: its document tables have lines without a number of tokens; pack again")
    tokens = table["tokens"].to_numpy()
    return _Documents(
        ids=table["id"],
        stratum=pc.index_in(table["stratum"], pa.array(names)).fill_null(-1).to_numpy(),
        split=pc.index_in(table["split"], pa.array(SPLITS)).fill_null(-1).to_numpy(),
        streams=np.where(tokens > 0, tokens + plan.options.added, 0),
        names=names,
    )


def _special_ids(folder: Path, layout: DatasetLayout) -> BoolArray:
    """Return which ids are special tokens other than BOS and EOS, (vocab_size,), by the bytes of each id."""
    special = np.zeros(layout.vocab_size, np.bool_)
    path = folder / "tokenizer/token_bytes.npy"
    if path.is_file():  # it is unchanged
        sizes = np.load(path, allow_pickle=False)[: layout.vocab_size]
        special[: len(sizes)] = sizes == 0
    special[[id for id in (layout.bos, layout.eos) if id is not None]] = False
    return special


def _audit_counts(plan: Plan, manifest: Manifest, layout: DatasetLayout, documents: _Documents) -> list[Fault]:
    """Compare the numbers of rows, document tables, plan and manifest."""
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
    for unit, (counted, recorded) in expected.items():
        if counted != recorded:
            faults.append(Fault("manifest.json", f"{unit}: {counted} exist, its counts have {recorded}"))
    return faults


class _ShardAudit:
    """The audit of one shard: its rows and their segments. `split`: index in `SPLITS`."""

    def __init__(
        self,
        folder: Path,
        split: int,
        shard: int,
        layout: DatasetLayout,
        documents: _Documents,
        special: BoolArray,
    ) -> None:
        split_layout = layout.splits[SPLITS[split]]
        self._name = shard_name(SPLITS[split], shard, split_layout.shards)
        self._rows = split_layout.rows_of(shard)
        self._ids: Ids = np.memmap(folder / f"{self._name}.bin", layout.dtype, "r").reshape(-1, layout.row_tokens)
        self._segments = np.memmap(folder / f"{self._name}.seg", SEGMENT, "r")
        self._split = split
        self._layout = layout
        self._documents = documents
        self._special = special
        self._ends = np.array([s.first_row + s.rows for s in split_layout.strata])
        self._faults: list[Fault] = []

    def run(self, balance: U64) -> list[Fault]:
        """Return at most `MOST_FAULTS` faults of the shard. If there are none, adds its pieces to `balance`."""
        begins = np.flatnonzero(self._segments["position"] == 0)
        if len(begins) != len(self._rows) or (len(begins) and begins[0] != 0):
            return [Fault(f"{self._name}.seg", f"it has segments of {len(begins)} rows, not of {len(self._rows)}")]
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
        """Return True if segments tile their rows and their documents exist. `row`: number of each segment's row."""
        position, length = segments["position"].astype(np.int64), segments["length"].astype(np.int64)
        last = np.append(row[1:] != row[:-1], True)
        end = np.where(last, self._layout.row_tokens, np.append(position[1:], 0))
        tiles = (length > 0) & (position + length == end)
        exists = segments["document"] < len(self._documents.streams)
        self._report(".seg", ~tiles, segments, row, "its segments do not tile it")
        self._report(".seg", ~exists, segments, row, "it names a document that does not exist")
        return bool(tiles.all() and exists.all())

    def _check_documents(self, segments: Segments, row: Int) -> None:
        document = segments["document"].astype(np.int64)
        stratum = np.searchsorted(self._ends, row + self._rows.start, side="right")
        wrong = (self._documents.stratum[document] != stratum) | (self._documents.split[document] != self._split)
        self._report(".seg", wrong, segments, row, "the document is of another stratum or split")
        beyond = segments["offset"].astype(np.int64) + segments["length"] > self._documents.streams[document]
        self._report(".seg", beyond, segments, row, "the segment exceeds the end of the document")

    def _check_ids(self, ids: Ids, segments: Segments, row: Int, first_row: int) -> None:
        starts, length = segments["position"].astype(np.int64), segments["length"].astype(np.int64)
        if int(ids.max()) > self._layout.max_id:
            most = np.maximum.reduceat(ids.reshape(-1), (row - first_row) * self._layout.row_tokens + starts)
            self._report(".bin", most >= self._layout.vocab_size, segments, row, "an id is not in the vocabulary")
            self._report(".bin", most > self._layout.max_id, segments, row, "an id is above the manifest's max_id")
            return
        offset = segments["offset"].astype(np.int64)
        at_end = offset + length == self._documents.streams[segments["document"].astype(np.int64)]
        for name, special, expected, index in (
            ("BOS", self._layout.bos, offset == 0, starts),
            ("EOS", self._layout.eos, at_end, starts + length - 1),
        ):
            if special is not None:
                wrong = expected & (ids[row - first_row, index] != special)
                self._report(".bin", wrong, segments, row, f"{name} is missing at this end of the document")
        self._check_padding(ids.reshape(-1), segments, row, (row - first_row) * self._layout.row_tokens + starts)

    def _check_padding(self, ids: Ids, segments: Segments, row: Int, begins: Int) -> None:
        """Report segments with runs of a special token. ids: of whole rows; begins: first id of each segment."""
        equal = ids[1:] == ids[:-1]
        equal[begins[begins > 0] - 1] = False  # a conversation may be cut before the end of its turn
        places = np.flatnonzero(equal)
        places = places[self._special[ids[places]]]
        if not len(places):
            return
        repeated = np.zeros(len(ids), np.bool_)
        repeated[places] = repeated[places + 1] = True
        counts = np.add.reduceat(repeated, begins, dtype=np.int64)
        for k in np.flatnonzero(counts)[:MOST_FAULTS]:
            inside = ids[begins[k] : begins[k] + int(segments["length"][k])]
            token = int(inside[np.argmax(repeated[begins[k] :][: len(inside)])])
            what = f"{counts[k]} of its {len(inside)} ids here are padding: special token {token} in a row"
            self._report(".bin", np.arange(len(counts)) == k, segments, row, what)

    def _report(self, suffix: str, wrong: BoolArray, segments: Segments, row: Int, what: str) -> None:
        for k in np.flatnonzero(wrong)[: MOST_FAULTS - len(self._faults)]:
            ordinal = int(segments["document"][k])
            exists = ordinal < len(self._documents.streams)
            document = repr(self._documents.ids[ordinal].as_py()) if exists else f"with ordinal {ordinal}"
            place = f"row {self._rows.start + int(row[k])} of {SPLITS[self._split]}, document {document}"
            self._faults.append(Fault(f"{self._name}{suffix}", f"{place}: {what}"))


def _point(offset: U64) -> U64:
    """Return a 64-bit hash of each offset in a stream: the finaliser of splitmix64."""
    mixed = (offset + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _audit_coverage(plan: Plan, documents: _Documents, balance: U64) -> list[Fault]:
    """Check that every token of every document is in exactly one row or in the dropped tail."""
    tail = [piece for split in plan.splits.values() for stratum in split.strata for piece in stratum.tail]
    for ordinal, offset, length in tail:
        ends = np.array([offset, offset + length], np.uint64)
        first, last = _point(ends)
        balance[ordinal : ordinal + 1] += np.array([first]) - np.array([last])
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
    read_documents: DocumentReader,
    sample_rows: int,
) -> list[Fault]:
    """Decode sampled rows and compare them with their documents. The sample depends on the dataset only.

    Rows of strata with a mask are left out: ids of conversations do not decode to the text of a document. The texts of
    all sampled documents are read at once, so that the folders of documents are searched once.
    """
    rng = np.random.default_rng(int(manifest.digest[:16], 16))
    sampled: list[tuple[Split, int, Ids, Any]] = []
    for name in SPLITS:
        split = Split(folder, name, layout, None)  # all files were hashed before the audit
        rows = np.sort(rng.choice(split.rows, min(sample_rows, split.rows), replace=False))
        masked = [range(s.first_row, s.first_row + s.rows) for s in split.strata if s.trained is not None]
        rows = np.array([row for row in rows.tolist() if not any(row in stratum for stratum in masked)], np.int64)
        batch = split.read(rows, raw=True)
        for ids, segments, row in zip(batch.ids, batch.segments, rows, strict=True):
            sampled += [(split, int(row), ids, segment) for segment in segments]
    ordinals = {int(segment["document"]) for *_, segment in sampled}
    names = {ordinal: documents.ids[ordinal].as_py() for ordinal in ordinals}
    texts = read_documents(set(names.values())) if names else {}
    faults = []
    for split, row, ids, segment in sampled:
        ordinal = int(segment["document"])
        text = texts.get(names[ordinal])
        difference = _compare(ids, segment, int(documents.streams[ordinal]), layout, decode, text)
        if difference:
            place = f"row {row} of {split.name}, document {names[ordinal]!r}"
            faults.append(Fault(f"{split.shard_of(row)}.bin", f"{place}: {difference}"))
    return faults[:MOST_FAULTS]


def _compare(
    ids: Ids, segment: Any, stream: int, layout: DatasetLayout, decode: Decode, text: str | None
) -> str | None:
    """Return the difference of one segment from its document, or None.

    A segment may begin or end within a character: U+FFFD at a split end is ignored. stream: tokens with BOS and EOS.
    """
    if text is None:
        return "the document does not exist"
    first, length = int(segment["position"]), int(segment["length"])
    begins, ends = segment["offset"] == 0, int(segment["offset"]) + length == stream
    inside = slice(first + (begins and layout.bos is not None), first + length - (ends and layout.eos is not None))
    piece = decode(ids[inside].tolist())
    if begins and ends:
        matches = piece == text
    elif begins:
        matches = text.startswith(piece.rstrip(CUT))
    elif ends:
        matches = text.endswith(piece.lstrip(CUT))
    else:
        matches = piece.strip(CUT) in text
    return None if matches else "its ids do not decode to the document's text"
