"""Pre-tokenized input: ids from other programs, written as a part of a tokens folder.

`id_files` reads the files, and `id_marks` the columns that say which ids are padding or not trained on. Columns named
as in the index (id, source, language, ...) are kept. If a file excludes ids from training, its part has a mask: the
targets are those of the file. An EOS that packing adds is trained on where one in the file was.

A tokens folder contains documents without BOS and EOS, because packing adds them. BOS and EOS in a list end a
document; they are removed and counted. So is padding. A list without them is one document. Every id is compared with
the vocabulary before it is narrowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sharding.bits import BitWriter, Bools
from sharding.errors import InputError
from sharding.layout import dtype_for
from sharding.packing import id_marks
from sharding.packing.id_files import TEXT_COLUMNS, Chunk, read_chunks
from sharding.packing.index_columns import INDEX, MASKED
from sharding.packing.write import Sink

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IdRange:
    """The vocabulary of a tokenizer.

    size: number of ids; bos, eos, pad: ids or None; token_bytes, token_chars: UTF-8 bytes and characters of each id, 0
    for special tokens, int32, (size,).
    """

    size: int
    bos: int | None
    eos: int | None
    token_bytes: npt.NDArray[np.int32]
    token_chars: npt.NDArray[np.int32]
    pad: int | None = None


@dataclass
class Imported:
    """The result of importing one file.

    index: of the part (`INDEX`, and `MASKED` if there is a mask); tokens: number of ids written; removed:
    numbers of other ids by reason: bos, eos, pad, attention_mask; mask: the `.mask` of the part, None if all ids are
    trained on.
    """

    index: pa.Table
    tokens: int
    removed: dict[str, int] = field(default_factory=dict)
    mask: bytes | None = None


def import_ids(
    path: Path, vocabulary: IdRange, labels: Mapping[str, str], sink: Sink, *, column: str | None = None
) -> Imported:
    """Write the ids of one file to `sink` as the `.bin` of a part, and return its index.

    labels: source, language and category of documents, unless the file has these columns; column: the column of ids in
    a table, or None for the first existing one of `id_files.ID_COLUMNS`. Raises InputError, which names the file and
    the line, for an unreadable file, ids outside of the vocabulary, padding without a mark, and labels of other ids.
    Memory: a bit for each id of a file with labels or loss masks.
    """
    dtype = np.dtype(dtype_for(vocabulary.size))
    specials = {name: special for name in ("bos", "eos") if (special := getattr(vocabulary, name)) is not None}
    pad = vocabulary.pad if vocabulary.pad not in specials.values() else None
    documents = _Documents(path.name, labels)
    imported = Imported(pa.table({}), 0, dict.fromkeys(specials, 0))
    bits, mask = BitWriter(), bytearray()
    for chunk in read_chunks(path, vocabulary.size, column, list(specials.values())):
        removed = id_marks.padding(chunk.ids, chunk.marks, pad)
        is_padding = np.zeros(len(chunk.ids), np.bool_)
        for reason in removed.values():
            is_padding |= reason
        _check_range(path, chunk, is_padding, documents.lists, vocabulary.size)
        ids = chunk.ids.astype(dtype, copy=False)
        removed |= {name: (ids == special) & ~is_padding for name, special in specials.items()}
        is_removed = np.zeros(len(ids), np.bool_)
        for name, reason in removed.items():
            is_removed |= reason
            if count := int(np.count_nonzero(reason)):
                imported.removed[name] = imported.removed.get(name, 0) + count
        starts, stops = documents.bounds(chunk, is_removed)
        trained = _trained(path, chunk, is_removed, documents.lists)
        if trained is not None:
            unneeded = is_removed | trained
            unneeded[starts[~is_removed[starts - 1] | (starts == 0)]] = True  # nothing precedes it in its document
            documents.is_masked |= not unneeded.all()
        is_eos = removed.get("eos", np.zeros(len(ids), np.bool_))
        ends = is_eos[stops - 1] if trained is None else (is_eos & trained)[stops - 1]
        kept = ids[~is_removed]
        per_id = {"bytes": vocabulary.token_bytes[kept], "chars": vocabulary.token_chars[kept]}
        is_target = np.ones(len(kept), np.bool_) if trained is None else trained[~is_removed]
        mask += bits.add(is_target)
        documents.add(chunk, is_removed, starts, per_id | {"trained": is_target}, ends)
        sink.write(np.ascontiguousarray(kept).data)
        imported.tokens += len(kept)
    imported.index = documents.table()
    imported.mask = bytes(mask + bits.end()) if documents.is_masked else None
    return imported


def _check_range(path: Path, chunk: Chunk, is_padding: npt.NDArray[np.bool_], first: int, size: int) -> None:
    if not len(chunk.ids) or (int(chunk.ids.max()) < size and int(chunk.ids.min()) >= 0):
        return
    wrong = ((chunk.ids >= size) | (chunk.ids < 0)) & ~is_padding
    if wrong.any():
        index = int(np.argmax(wrong))
        number = first + int(np.searchsorted(np.cumsum(chunk.lengths), index, side="right"))
        raise InputError(
            f"{path}, list {number}: id {int(chunk.ids[index])} is not in the vocabulary of {size}: give the "
            "tokenizer that the ids were made with"
        )


def _trained(path: Path, chunk: Chunk, is_removed: Bools, first: int) -> Bools | None:
    """Return which ids are trained on, None if no mark states it. Raises InputError for padding that nothing marks."""
    try:
        trained = id_marks.trained(chunk.ids, chunk.lengths, chunk.marks, ~is_removed)
    except InputError as error:
        raise InputError(f"{path}, from list {first}: {error}") from None
    if id_marks.ATTENTION not in chunk.marks:
        suspected = id_marks.suspected_padding(chunk.ids, chunk.lengths, ~is_removed)
        if suspected is not None:
            raise InputError(
                f"{path}: {suspected[1]:.0%} of its ids are in long runs of id {suspected[0]}, as in padding: add a "
                "column attention_mask, remove them, or name the pad token by `arcorp tokenizer import --pad NAME`"
            )
    return trained


class _Documents:
    """The index of a part, built chunk by chunk."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self._name = name
        self._labels = labels
        self._columns: dict[str, list[Any]] = {name: [] for name in TEXT_COLUMNS}
        self._numbers: dict[str, list[Int]] = {name: [] for name in ("tokens", "bytes", "chars", *MASKED.names)}
        self.lists = 0
        self.is_masked = False

    def bounds(self, chunk: Chunk, removed: Bools) -> tuple[Int, Int]:
        """Return where the documents of a chunk begin, ascending, and where the next thing after each begins.

        removed: True for BOS, EOS and padding, (ids,). A document begins with each list, after each removed id, and
        where the marks say so; the removed id after it is its last. Documents without ids are left out.
        """
        marked = np.flatnonzero(id_marks.begins(chunk.marks, len(removed)))
        begins = np.concatenate([np.cumsum(chunk.lengths) - chunk.lengths, np.flatnonzero(removed) + 1, marked])
        starts = np.unique(begins[begins < len(removed)])
        kept = np.append(0, np.cumsum(~removed))
        stops = np.append(starts, len(removed))[1:]
        nonempty = kept[stops] > kept[starts]
        return starts[nonempty], stops[nonempty]

    def add(
        self, chunk: Chunk, removed: Bools, starts: Int, per_id: Mapping[str, npt.NDArray[Any]], ended: Bools
    ) -> None:
        """Add the documents of a chunk, which begin at `starts`.

        per_id: bytes, chars, and whether it is trained on, of each id that is kept; ended: whether the EOS of each
        document is. A list without ids is an empty document.
        """
        ends = np.cumsum(chunk.lengths)
        kept = np.append(0, np.cumsum(~removed))
        tokens = np.diff(kept[np.append(starts, len(removed))])
        list_of = np.searchsorted(ends, starts, side="right")  # the list of each document
        empty = np.setdiff1d(np.arange(len(ends)), list_of)
        order = np.argsort(np.concatenate([list_of, empty]), kind="stable")
        sizes = {"tokens": tokens, "ends": ended.astype(np.int64)}
        for name, values in per_id.items():
            sizes[name] = np.add.reduceat(values, kept[starts], dtype=np.int64) if len(starts) else tokens
        for name, values in sizes.items():
            self._numbers[name].append(np.concatenate([values, np.zeros(len(empty), np.int64)])[order])
        self._label(chunk, np.concatenate([list_of, empty])[order])
        self.lists += len(ends)

    def _label(self, chunk: Chunk, list_of: Int) -> None:
        """Add ids and labels of documents. `list_of`: the list of each. An id is that of its list, or a number."""
        piece, last = 0, -1
        for number in list_of.tolist():
            piece, last = (piece + 1 if number == last else 0), number
            cells = {name: column[number] for name, column in chunk.columns.items() if column[number] is not None}
            line = {**self._labels, **cells}
            if "id" in cells:
                line["id"] += f"#{piece}" if piece else ""
            else:
                line["id"] = f"{line['source']}/{self._name}/{len(self._columns['id'])}"
            line.setdefault("cluster", line["id"])
            for column, values in self._columns.items():
                values.append(line.get(column))

    def table(self) -> pa.Table:
        """Return the index of all documents that were added."""
        numbers = {name: np.concatenate([np.zeros(0, np.int64), *parts]) for name, parts in self._numbers.items()}
        numbers["offset"] = np.cumsum(numbers["tokens"]) - numbers["tokens"]
        numbers["ends"] = numbers["ends"] > 0
        schema = pa.unify_schemas([INDEX, MASKED]) if self.is_masked else INDEX
        columns = self._columns | numbers
        return pa.table({name: columns[name] for name in schema.names}, schema)
