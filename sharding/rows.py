"""Read rows: batches of a schedule directly from the shards, identical at any world size.

>>> from sharding import Dataset
>>> data = Dataset("out/dataset")                   # sizes, seals, tokenizer and schedule are checked
>>> batch = data.batch(step=0, rank=0, world=8)     # ids int64 (batch_rows / 8, row_tokens)
>>> data.validation.read(np.arange(8)).ids

Shards are verified while they are read (`sharding.proving`): each is hashed when one of its rows is first requested.
A damaged shard raises DamagedFile, which names the shard, the requested rows and their documents. With `beside`, a
background thread hashes while rows are returned; the caller must then call `settle` before it stores any result
computed from them.

There are no worker processes: copying rows from memory-mapped shards takes 0.05 ms for 32 x 2048 tokens in a warm
cache, and passing them through another process takes 1 ms. The mappings are advised of random access, so that the
kernel does not read 128 kB per row, and of the rows of the next steps, so that these are read ahead. Numpy and the
standard library only.
"""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharding.layout import SCHEDULE, TOKENIZER, DatasetLayout, Ids, SplitLayout, StratumLayout, shard_name
from sharding.proving import DamagedFile, Prover, Share
from sharding.scheduling import Rows, Schedule, schedule_path
from sharding.seal import Damaged, Sealed
from sharding.shard import Segments, Shard

READ_AHEAD = 8  # steps
WARM = 128  # prefetching stops after this many batches without a page fault
BLOCK = 16  # steps whose rows are computed together
SHOWN = 8  # rows and documents of a damaged shard that a message lists
KEPT_BLOCKS = 2  # the current step and the prefetched step may be in different blocks

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """Rows of ids, in the requested order.

    ids: (n, row_tokens), int64, or the dtype on disk if raw; rows: (n,) global row numbers, int64; split: the split
    they belong to. `starts`, `mask` and `segments` are computed on first access.
    """

    ids: Ids
    rows: Rows
    split: Split

    @cached_property
    def starts(self) -> BoolArray:
        """bool, (n, row_tokens): True where a segment begins."""
        return self.split.starts(self.rows)

    @cached_property
    def mask(self) -> BoolArray | None:
        """bool, (n, row_tokens): True for the ids that are trained on; None if no row is of a shard with a mask."""
        return self.split.mask(self.rows)

    @cached_property
    def is_target(self) -> BoolArray:
        """bool, (n, row_tokens): True for the ids that the ids before them predict.

        The first id of a row is not a target. The first id of a later segment belongs to another document; it is a
        target only where it is a BOS that ends the document before it, in a dataset without EOS. Of conversations
        and other documents with a mask, only the ids that are trained on are targets.
        """
        targets = ~self.starts
        if self.split.next_bos is not None:
            targets |= self.ids == self.split.next_bos
        targets[:, 0] = False
        return targets if self.mask is None else targets & self.mask

    @cached_property
    def segments(self) -> list[Segments]:
        """The segments of each row: n arrays of `layout.SEGMENT`."""
        return [self.split.segments(int(row)) for row in self.rows]


class Split:
    """The rows of one split, `train` or `validation`, numbered from 0 over all its shards."""

    def __init__(self, folder: Path, name: str, layout: DatasetLayout, prover: Prover | None) -> None:
        """`prover`: verifies the shards; None if the caller has hashed them already."""
        self._layout: SplitLayout = layout.splits[name]
        self._whole, self._folder, self._prover = layout, folder, prover
        self._vocab_size = layout.vocab_size
        self._row_tokens = layout.row_tokens
        self._dtype = layout.dtype
        self.end = layout.end
        self.next_bos = layout.bos if layout.eos is None else None  # the BOS that ends the document before it
        self.name = name
        self.rows = self._layout.rows
        self.strata: tuple[StratumLayout, ...] = self._layout.strata
        self._shards: dict[int, Shard] = {}  # those that were requested
        self._requests: dict[int, tuple[Rows, int | None]] = {}  # shard -> its rows in the first request, step

    def read(self, rows: Sequence[int] | Rows, *, raw: bool = False) -> Batch:
        """Return copies of rows.

        rows: global row numbers, shape (n,); raw: keep the dtype on disk instead of int64.
        Raises IndexError for a row that does not exist, DamagedFile for a shard that differs from its seal.
        """
        numbers = np.asarray(rows, np.int64)
        ids = np.empty((len(numbers), self._row_tokens), self._dtype)
        for index, (shard, row) in enumerate(self._locate(numbers)):
            ids[index] = shard.ids[row]
        if ids.size and ids.max() >= self._vocab_size:  # its shard may not be verified yet
            wrong = int(numbers[np.flatnonzero((ids >= self._vocab_size).any(axis=1))[0]])
            raise self.describe_damage(
                self._shards[wrong // self._layout.rows_per_shard].damaged("an id is out of range")
            )
        return Batch(ids if raw else ids.astype(np.int64), numbers, self)

    def segments(self, row: int) -> Segments:
        """Return the segments of a row, in order: an array of `layout.SEGMENT`. Raises as `read` does."""
        ((shard, local),) = self._locate(np.array([row]))
        return shard.segments[shard.segments_of(local)]

    def starts(self, rows: Rows) -> BoolArray:
        """Return a bool array (n, row_tokens) that is True where a segment begins. Raises as `read` does."""
        starts = np.zeros((len(rows), self._row_tokens), np.bool_)
        for index, (shard, row) in enumerate(self._locate(rows)):
            positions = shard.positions[shard.segments_of(row)]
            if positions.max() >= self._row_tokens:
                raise self.describe_damage(
                    shard.damaged(f"a segment begins beyond the end of row {rows[index]}", ".seg")
                )
            starts[index, positions] = True
        return starts

    def mask(self, rows: Rows) -> BoolArray | None:
        """Return a bool array (n, row_tokens) that is True where an id is trained on. Raises as `read` does.

        None if no row is of a shard with a mask: all ids are trained on.
        """
        bits_of = [shard.mask if shard.mask is None else shard.mask[row] for shard, row in self._locate(rows)]
        if all(bits is None for bits in bits_of):
            return None
        whole = np.full((self._row_tokens + 7) // 8, 255, np.uint8)
        packed = np.stack([whole if bits is None else bits for bits in bits_of])
        return np.unpackbits(packed, axis=1, count=self._row_tokens, bitorder="little").view(np.bool_)

    def shard_of(self, row: int) -> str:
        """Return the path of the shard that holds a row, in the dataset folder, without its suffix."""
        return shard_name(self.name, row // self._layout.rows_per_shard, self._layout.shards)

    def will_need(self, rows: Rows) -> None:
        """Advise the kernel to read rows ahead, and verify their shards as `touch` does."""
        for shard, row in self._locate(rows):
            shard.advise(row)

    def touch(self, rows: Rows, step: int | None = None) -> None:
        """Open and verify the shards of rows, synchronously or in the background.

        rows: global row numbers; step: the step that reads them, for messages.
        Raises DamagedFile in the synchronous mode.
        """
        if len(self._requests) == self._layout.shards:
            return
        numbers = rows // self._layout.rows_per_shard
        for number in np.unique(numbers).tolist():
            if number not in self._requests:
                self._requests[number] = rows[numbers == number], step
                try:
                    self._open(number)
                except DamagedFile as error:
                    described = self.describe_damage(error)
                    del self._requests[number]  # the next request must fail too
                    raise described from None

    def describe_damage(self, error: DamagedFile) -> DamagedFile:
        """Return the error of a shard of this split, completed with the requested rows and their documents."""
        number = int(error.name.rsplit("-", 3)[1])
        shard, (requested, step) = self._shards[number], self._requests[number]
        requested, first, reason = np.sort(requested), number * self._layout.rows_per_shard, ""
        try:
            wrong = shard.first_wrong_row()
            row = int(requested[0]) if wrong is None else first + wrong[0]
            reason = "" if wrong is None else f" (row {row} {wrong[1]})"
            segments = shard.segments[shard.segments_of(row - first)]
            documents = f"; row {row} holds the documents {_short(segments['document'].tolist())}"
        except Exception:  # the damaged segments cannot be interpreted
            documents = ""
        reader = f"step {step + 1}" if step is not None else "the reader"
        what = f"{error.what}{reason}; {reader} reads its {self.name} rows {_short(requested.tolist())}{documents}"
        return DamagedFile(error.path, error.name, what)

    def _open(self, number: int) -> None:
        """Open and verify a shard. Raises Damaged, and DamagedFile in the synchronous mode."""
        layout, prover, name = self._layout, self._prover, shard_name(self.name, number, self._layout.shards)
        if prover is not None and prover.unchecked is not None:
            self._whole.check_shard(prover.unchecked, self.name, number, str(self._folder))
        rows, masked = len(layout.rows_of(number)), layout.is_masked(number)
        shard = Shard(self._folder, name, number, rows, self._whole, prover, is_masked=masked)
        self._shards[number] = shard
        shard.open()

    def _locate(self, rows: Rows) -> Iterator[tuple[Shard, int]]:
        """Yield the shard of each row, and the number of the row in that shard."""
        numbers = rows.tolist()
        if numbers and (min(numbers) < 0 or max(numbers) >= self.rows):
            wrong = min(numbers) if min(numbers) < 0 else max(numbers)
            raise IndexError(f"row {wrong} is not in split {self.name}, which has {self.rows} rows")
        self.touch(rows)
        shards, per_shard = self._shards, self._layout.rows_per_shard
        for row in numbers:
            yield shards[row // per_shard], row % per_shard


class Dataset:
    """An open packed dataset.

    Opening checks the sizes of all files, the manifest, the tokenizer and the schedule. It reads no rows, so it takes
    milliseconds at any size. If the manifest has leaves, the sizes of a shard are checked when its first row is read.

    path: the dataset folder;
    schedule: file name of the schedule in the folder, or its path, which has a slash (`schedule_path`); None to read
    rows without a schedule (`steps` is then 0);
    beside: hash this share of the shards in a background thread while rows are returned; see `settle`. If None, a
    shard is hashed before its first row is returned.
    Raises Unsealed or Damaged (`sharding.seal`) if a checked file is missing or changed.
    """

    def __init__(self, path: Path | str, schedule: str | None = SCHEDULE, *, beside: Share | None = None) -> None:
        sealed = Sealed(path, "pack")
        self.path = sealed.path
        self.digest = sealed.digest
        self.layout = DatasetLayout.of(sealed.manifest, str(self.path / "manifest.json"))
        _check_tokenizer(sealed, self.layout)
        self.row_tokens = self.layout.row_tokens
        self.vocab_size = self.layout.vocab_size
        self.tokenizer = self.path / TOKENIZER.rpartition("/")[0]
        self._schedule = None
        if schedule is not None:
            self._schedule = Schedule.read(schedule_path(self.path, schedule), sealed.manifest)
        self.batch_rows = self._schedule.batch_rows if self._schedule else 0
        self.steps = self._schedule.steps if self._schedule else 0
        self._prover = Prover(sealed, beside)
        self.train = Split(self.path, "train", self.layout, self._prover)
        self.validation = Split(self.path, "validation", self.layout, self._prover)
        if beside is not None:  # each process reads other validation rows, but hashes its share of all shards
            validation = self.layout.splits["validation"]
            self.validation.touch(np.arange(0, validation.rows, validation.rows_per_shard))
        self._blocks: dict[int, Rows] = {}
        self._advised: dict[tuple[int, int, int, int], int] = {}
        self._faults, self._warm = -1, 0

    @property
    def schedule(self) -> Schedule:
        """The schedule that the dataset was opened with. Raises ValueError if there is none."""
        if self._schedule is None:
            raise ValueError(f"{self.path} was opened without a schedule; open it with one to read steps")
        return self._schedule

    def rows_of(self, step: int) -> Rows:
        """Return the global row numbers of a step: int64, (batch_rows,). Raises IndexError for an invalid step."""
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} is not in the schedule, which has steps 0 to {self.steps - 1}")
        block = step // BLOCK
        if block not in self._blocks:
            first = block * BLOCK
            if len(self._blocks) == KEPT_BLOCKS:
                del self._blocks[next(iter(self._blocks))]  # the oldest
            self._blocks[block] = self.schedule.rows_of(first, min(first + BLOCK, self.steps))
        rows: Rows = self._blocks[block][step % BLOCK]
        return rows

    def batch(
        self, step: int, rank: int = 0, world: int = 1, *, micro: int = 0, accumulation: int = 1, raw: bool = False
    ) -> Batch:
        """Return the rows of one rank in one micro-step: ids (batch_rows / (world * accumulation), row_tokens).

        The rows of the step are divided in order, first among micro-steps, then among ranks.

        step: 0 .. steps - 1; rank, world: index and number of processes; micro, accumulation: index and number of
        micro-steps; raw: keep the dtype on disk instead of int64.
        Raises ValueError if the rows of a step cannot be divided evenly, IndexError for a step that does not exist,
        DamagedFile for a damaged shard.
        """
        if self.batch_rows % (world * accumulation) or not (0 <= rank < world and 0 <= micro < accumulation):
            raise ValueError(
                f"{self.batch_rows} rows per step cannot be divided among {world} ranks x {accumulation} micro-steps "
                f"(rank {rank}, micro-step {micro})"
            )
        per = self.batch_rows // (world * accumulation)
        part = slice((micro * world + rank) * per, (micro * world + rank + 1) * per)
        rows = self.rows_of(step)
        self.train.touch(rows if self._prover.share else rows[part], step)  # all processes must open the same shards
        if self._from_disk():
            self._read_ahead(step, part, (rank, world, micro, accumulation))
        return self.train.read(rows[part], raw=raw)

    @property
    def failure(self) -> Damaged | OSError | None:
        """The first damaged or unreadable shard found by the background thread, or None. It is not raised yet."""
        failure = self._prover.failure
        if not isinstance(failure, DamagedFile):
            return failure
        return (self.train if failure.name.startswith("shards/train-") else self.validation).describe_damage(failure)

    def settle(self) -> None:
        """Wait until the shards of all returned rows are verified. Call it before storing results of these rows.

        Raises DamagedFile, which names the shard, the step, the rows and their documents, or OSError.
        """
        self._prover.settle()
        if self.failure is not None:
            raise self.failure

    def _from_disk(self) -> bool:
        """Return False after `WARM` batches without a major page fault of this process, until one occurs again.

        For rows in memory, advice costs as much as copying them.
        """
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
        self._warm = self._warm + 1 if faults == self._faults else 0
        self._faults = faults
        return self._warm < WARM

    def _read_ahead(self, step: int, part: slice, reader: tuple[int, int, int, int]) -> None:
        last = min(step + READ_AHEAD, self.steps - 1)
        advised = self._advised.get(reader, -1)
        first = advised + 1 if step <= advised <= last else step  # else the reader has jumped to another step
        for ahead in range(first, last + 1):
            rows = self.rows_of(ahead)[part]
            self.train.touch(rows, ahead)
            self.train.will_need(rows)
        self._advised[reader] = last

    def order_hash(self, previous: bytes, step: int) -> bytes:
        """h_t = sha256(h_(t-1) || sha256(bytes of the step's rows, in global order)).

        previous: the hash after step - 1; for step 0, `bytes.fromhex(digest)`. Returns 32 bytes. The hash depends only
        on the training rows and their order, not on the world size or accumulation.
        """
        rows = self.train.read(self.rows_of(step), raw=True).ids
        return hashlib.sha256(previous + hashlib.sha256(rows.tobytes()).digest()).digest()


def _check_tokenizer(sealed: Sealed, layout: DatasetLayout) -> None:
    """Raise Damaged unless the tokenizer is that of the summary, and its files are those of the seal."""
    record = sealed.manifest.files.get(TOKENIZER)
    if record is None or record.sha256 != layout.tokenizer:
        raise Damaged(f"{sealed.path / TOKENIZER} is not the tokenizer of the ids; build the folder again")
    for name in sealed.names(prefix=TOKENIZER.rpartition("/")[0]):
        sealed.read(name)  # checked now: tokenizer libraries open the files by their paths


def _short(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")
