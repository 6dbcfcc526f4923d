"""Audit of masks: which ids of a dataset are trained on. It requires that the files are unchanged.

    counts          of each document the rows train on as many ids as its line has (fewer, if a tail was dropped)
    conversations   if they can be rendered anew: ids and mask of every document with a mask are those in its rows

The first needs the dataset alone. The second reads every conversation, not a sample: a mask that is wrong trains a
model to write what the user writes, and nothing else would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sharding.layout import SPLITS, DatasetLayout, documents_name
from sharding.packing import MASKED, Plan
from sharding.rows import Split
from sharding.seal import Fault
from sharding.tables import read_table

Rendered = Callable[[], Iterator[tuple[str, npt.NDArray[Any], npt.NDArray[np.bool_]]]]
"""Yields the documents that have a mask: id, ids and which are trained on, both (tokens,), without BOS and EOS."""

MOST_FAULTS = 20
CHUNK_ROWS = 1 << 12

Int = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of the document tables: ids that are trained on, and whether the EOS is; (documents,) each."""

    ids: Any
    has_mask: Bools
    trained: Int
    ends: Bools


def audit_masks(folder: Path, plan: Plan, layout: DatasetLayout, rendered: Rendered | None) -> list[Fault]:
    """Return the faults of the masks of a dataset; none if it has no mask. `rendered`: None to check counts only."""
    if not layout.is_masked:
        return []
    lines = _read_lines(folder, plan)
    faults = _audit_counts(folder, plan, layout, lines)
    return faults or ([] if rendered is None else _audit_rendered(folder, layout, lines, rendered))


def _read_lines(folder: Path, plan: Plan) -> _Lines:
    tables = []
    for part in range(len(plan.parts)):
        try:
            table = read_table(folder / documents_name(part), ["id", *MASKED.names])
        except KeyError:
            table = read_table(folder / documents_name(part), ["id"])
            for field in MASKED:
                table = table.append_column(field, pa.nulls(len(table), field.type))
        tables.append(table)
    table = pa.concat_tables(tables)
    has_mask = table["trained"].is_valid().to_numpy()
    trained = table["trained"].fill_null(0).to_numpy()
    ends = table["ends"].fill_null(False).to_numpy()
    return _Lines(table["id"], has_mask, trained, ends)


def _segments(split: Split, layout: DatasetLayout) -> Iterator[tuple[int, npt.NDArray[np.void], Bools]]:
    """Yield the rows of the strata with a mask: number, segments, and mask, (row_tokens,)."""
    for stratum in layout.splits[split.name].strata:
        stop = stratum.first_row + stratum.rows
        for first in range(stratum.first_row, stop if stratum.trained is not None else 0, CHUNK_ROWS):
            rows = np.arange(first, min(first + CHUNK_ROWS, stop))
            mask = split.mask(rows)
            assert mask is not None
            for row, bits in zip(rows.tolist(), mask, strict=True):
                yield row, split.segments(row), bits


def _audit_counts(folder: Path, plan: Plan, layout: DatasetLayout, lines: _Lines) -> list[Fault]:
    """Compare the number of ids trained on of each document with its line."""
    counted = np.zeros(len(lines.trained), np.int64)
    for name in SPLITS:
        for _, segments, bits in _segments(Split(folder, name, layout, None), layout):
            sums = np.add.reduceat(bits, segments["position"].astype(np.int64), dtype=np.int64)
            np.add.at(counted, segments["document"].astype(np.int64), sums)
    cut = np.zeros(len(counted), np.bool_)
    cut[[piece[0] for split in plan.splits.values() for stratum in split.strata for piece in stratum.tail]] = True
    expected = lines.trained + (lines.ends & (layout.eos is not None))
    wrong = lines.has_mask & ((counted > expected) | ((counted < expected) & ~cut))
    return [
        Fault(
            documents_name(max(k for k, part in enumerate(plan.parts) if part.first <= ordinal)),
            f"document {lines.ids[int(ordinal)].as_py()!r}: its rows train on {counted[ordinal]} ids, not on "
            f"{expected[ordinal]}",
        )
        for ordinal in np.flatnonzero(wrong)[:MOST_FAULTS]
    ]


def _audit_rendered(folder: Path, layout: DatasetLayout, lines: _Lines, rendered: Rendered) -> list[Fault]:
    """Compare every document that has a mask with what its conversation gives now."""
    places: dict[int, list[tuple[Split, int, int, int, int]]] = {}
    for name in SPLITS:
        split = Split(folder, name, layout, None)
        for row, segments, _ in _segments(split, layout):
            for document, offset, position, length in segments.tolist():
                if lines.has_mask[document]:
                    places.setdefault(document, []).append((split, row, offset, position, length))
    ordinals = {name: k for k, name in enumerate(lines.ids.to_pylist()) if k in places}
    faults = []
    for name, ids, mask in rendered():
        if name not in ordinals:
            continue
        ordinal = ordinals.pop(name)
        bos, eos = ([] if special is None else [special] for special in (layout.bos, layout.eos))
        stream = np.concatenate([bos, ids, eos]).astype(np.int64)
        trained = np.concatenate([[False] * len(bos), mask, [lines.ends[ordinal]] * len(eos)]).astype(np.bool_)
        for split, row, offset, position, length in places[ordinal]:
            batch = split.read([row])
            inside, part = slice(position, position + length), slice(offset, offset + length)
            assert batch.mask is not None
            place = f"row {row} of {split.name}, document {name!r}"
            if not np.array_equal(batch.ids[0, inside], stream[part]):
                faults.append(Fault(f"{split.shard_of(row)}.bin", f"{place}: its ids are not those of the messages"))
            elif not np.array_equal(batch.mask[0, inside], trained[part]):
                faults.append(Fault(f"{split.shard_of(row)}.mask", f"{place}: it does not train on the answers alone"))
    faults += [
        Fault(documents_name(0), f"document {name!r}: it has a mask and is no conversation of the documents")
        for name in ordinals
    ]
    return faults[:MOST_FAULTS]
