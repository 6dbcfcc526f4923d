"""Reading rows: batches of a schedule straight from the shards, the same at any world size.

>>> from sharding import Dataset
>>> data = Dataset("out/dataset")                   # sizes, seals, tokenizer and schedule are checked
>>> batch = data.batch(step=0, rank=0, world=8)     # ids int64 (batch_rows / 8, row_tokens)
>>> data.validation.read(np.arange(8)).ids

Shards are proven as they are read (`sharding.proving`): each is hashed when a row of it is first asked for. A
damaged shard raises DamagedFile, which names the shard, the rows asked for and their documents. With `beside`
a thread hashes while rows are given out; the caller must then call `settle` before it keeps what it made of them.

No worker processes: rows are copied out of memory-mapped shards, 0.05 ms for 32 x 2048 in a warm cache, where the
way through another process costs a millisecond. The kernel is told that access is random, so that it doesn't
read 128 kB for each row, and which rows come in the next steps, so that they are there when they are asked for.
Numpy and the standard library alone.
"""

from __future__ import annotations

import hashlib
import mmap
import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from sharding.layout import SCHEDULE, SEGMENT, TOKENIZER, DatasetLayout, Ids, SplitLayout, StratumLayout, shard_name
from sharding.proving import DamagedFile, Prover, Share
from sharding.scheduling import Rows, Schedule
from sharding.seal import Damaged, Sealed

READ_AHEAD = 8  # steps
WARM = 128  # batches without a page read from disk, after which reading ahead rests
BLOCK = 16  # steps whose rows are computed in one go
SHOWN = 8  # rows and documents of a damaged shard, in a message
KEPT_BLOCKS = 2  # the current step and the step read ahead may lie in two

SUFFIXES = (".bin", ".seg")

BoolArray = npt.NDArray[np.bool_]
Segments = npt.NDArray[np.void]


@dataclass(frozen=True)
class Batch:
    """Rows of ids, in the order they were asked for.

    ids: (n, row_tokens), int64, or the type on disk if raw; rows: (n,) global row numbers. `starts` and
    `segments` are looked up when they are first asked for.
    """

    ids: Ids
    rows: Rows
    split: Split

    @cached_property
    def starts(self) -> BoolArray:
        """True where a segment begins, (n, row_tokens): ids that are no targets."""
        return self.split.starts(self.rows)

    @cached_property
    def segments(self) -> list[Segments]:
        """The segments of each row: arrays of `layout.SEGMENT`."""
        return [self.split.segments(int(row)) for row in self.rows]


class _Shard:
    """One shard, mapped and proven when first used. Raises DamagedFile, if it is proven at once."""

    def __init__(
        self, folder: Path, name: str, number: int, rows: int, layout: DatasetLayout, prover: Prover | None
    ) -> None:
        self._folder, self._name, self._number = folder, name, number
        self._rows = rows
        self._layout = layout
        self._prover = prover
        self._maps: list[mmap.mmap] = []

    def open(self) -> None:
        """Map both files and prove them, so that every process that uses a shard hashes its share of both."""
        with ExitStack() as stack:
            files = [stack.enter_context((self._folder / (self._name + suffix)).open("rb")) for suffix in SUFFIXES]
            self._maps = [_map(file) for file in files]
            if self._prover is not None:
                for suffix, file in zip(SUFFIXES, files, strict=True):
                    self._prover.need(self._name + suffix, self._number, file)  # the file that is mapped
                if self._prover.share is not None:
                    stack.pop_all()  # the prover closes them

    @cached_property
    def ids(self) -> Ids:
        return np.frombuffer(self._maps[0], self._layout.dtype).reshape(self._rows, self._layout.row_tokens)

    @cached_property
    def segments(self) -> Segments:
        return np.frombuffer(self._maps[1], SEGMENT)

    @cached_property
    def positions(self) -> npt.NDArray[np.uint16]:
        return self.segments["position"]

    @cached_property
    def first_segment(self) -> npt.NDArray[np.uint32]:
        """Index of the first segment of each row, and one past the last: (rows + 1,); 4 bytes a row."""
        begins = np.flatnonzero(self.positions == 0)
        if len(begins) != self._rows:
            raise self.damaged(f"it has the segments of {len(begins)} rows, and the shard has {self._rows}", ".seg")
        return np.append(begins, len(self.segments)).astype(np.uint32)

    def segments_of(self, row: int) -> slice:
        return slice(int(self.first_segment[row]), int(self.first_segment[row + 1]))

    def advise(self, row: int) -> None:
        """Ask the kernel to have a row in memory soon."""
        first = row * self._layout.row_bytes
        page = first - first % mmap.PAGESIZE
        self._maps[0].madvise(mmap.MADV_WILLNEED, page, first + self._layout.row_bytes - page)

    def first_wrong_row(self) -> tuple[int, str] | None:
        """A row of a damaged shard that can't be, and why; None if every row might be."""
        wrong = np.flatnonzero((self.ids >= self._layout.vocab_size).any(axis=1))
        if len(wrong):
            row = int(wrong[0])
            return row, f"holds id {int(self.ids[row].max())} of a vocabulary of {self._layout.vocab_size}"
        return None

    def damaged(self, what: str, suffix: str = ".bin") -> DamagedFile:
        name = self._name + suffix
        return DamagedFile(self._folder / name, name, what)


def _map(file: BinaryIO) -> mmap.mmap:
    """Map a file to be read here and there: without advice each row would cost 128 kB of reading."""
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_RANDOM)
    return mapped


class Split:
    """The rows of one split, `train` or `validation`, numbered from 0 over all its shards."""

    def __init__(self, folder: Path, name: str, layout: DatasetLayout, prover: Prover | None) -> None:
        """`prover`: None for a reader that has hashed the shards itself."""
        self._layout: SplitLayout = layout.splits[name]
        self._vocab_size = layout.vocab_size
        self._row_tokens = layout.row_tokens
        self._dtype = layout.dtype
        self.name = name
        self.rows = self._layout.rows
        self.strata: tuple[StratumLayout, ...] = self._layout.strata
        shards = self._layout.shards
        self._shards = [
            _Shard(folder, shard_name(name, k, shards), k, len(self._layout.rows_of(k)), layout, prover)
            for k in range(shards)
        ]
        self._asked: dict[int, tuple[Rows, int | None]] = {}  # shard -> the rows of it that were first asked for, step

    def read(self, rows: Sequence[int] | Rows, *, raw: bool = False) -> Batch:
        """Copy rows out. `raw` keeps the type on disk.

        Raises IndexError for a row that isn't there, DamagedFile for a shard that is not as it was sealed.
        """
        numbers = np.asarray(rows, np.int64)
        ids = np.empty((len(numbers), self._row_tokens), self._dtype)
        for place, (shard, row) in enumerate(self._find(numbers)):
            ids[place] = shard.ids[row]
        if ids.size and ids.max() >= self._vocab_size:  # beside the proof of its shard: no model could be fed with it
            bad = int(numbers[np.flatnonzero((ids >= self._vocab_size).any(axis=1))[0]])
            raise self.named(self._shards[bad // self._layout.rows_per_shard].damaged("an id is out of range"))
        return Batch(ids if raw else ids.astype(np.int64), numbers, self)

    def segments(self, row: int) -> Segments:
        """The segments of a row, in order: an array of `layout.SEGMENT`."""
        ((shard, local),) = self._find(np.array([row]))
        return shard.segments[shard.segments_of(local)]

    def starts(self, rows: Rows) -> BoolArray:
        """True where a segment begins, (n, row_tokens)."""
        starts = np.zeros((len(rows), self._row_tokens), np.bool_)
        for place, (shard, row) in enumerate(self._find(rows)):
            positions = shard.positions[shard.segments_of(row)]
            if positions.max() >= self._row_tokens:
                raise self.named(shard.damaged(f"a segment begins beyond the end of row {rows[place]}", ".seg"))
            starts[place, positions] = True
        return starts

    def shard_of(self, row: int) -> str:
        """Path of the shard that holds a row, in the dataset folder, without a suffix."""
        return shard_name(self.name, row // self._layout.rows_per_shard, self._layout.shards)

    def will_need(self, rows: Rows) -> None:
        """Ask the kernel to read rows ahead, and have their shards proven."""
        for shard, row in self._find(rows):
            shard.advise(row)

    def touch(self, rows: Rows, step: int | None = None) -> None:
        """Have the shards of rows proven, now or beside the reading. `step` that reads them, for messages.

        Raises DamagedFile, if now.
        """
        if len(self._asked) == len(self._shards):
            return
        numbers = rows // self._layout.rows_per_shard
        for number in np.unique(numbers).tolist():
            if number not in self._asked:
                self._asked[number] = rows[numbers == number], step
                try:
                    self._shards[number].open()
                except DamagedFile as error:
                    named = self.named(error)
                    del self._asked[number]  # the next reader is refused too
                    raise named from None

    def named(self, error: DamagedFile) -> DamagedFile:
        """The error of one of this split's shards, with the rows that were asked for and their documents."""
        number = int(error.name.rsplit("-", 3)[1])
        shard, (asked, step) = self._shards[number], self._asked[number]
        asked, first, why = np.sort(asked), number * self._layout.rows_per_shard, ""
        try:
            wrong = shard.first_wrong_row()
            row = int(asked[0]) if wrong is None else first + wrong[0]
            why = "" if wrong is None else f" (row {row} {wrong[1]})"
            segments = shard.segments[shard.segments_of(row - first)]
            documents = f"; row {row} holds the documents {_short(segments['document'].tolist())}"
        except Exception:
            documents = ""
        reader = f"step {step + 1}" if step is not None else "the reader"
        what = f"{error.what}{why}; {reader} reads its {self.name} rows {_short(asked.tolist())}{documents}"
        return DamagedFile(error.path, error.name, what)

    def _find(self, rows: Rows) -> Iterator[tuple[_Shard, int]]:
        """The shard of each row, and its number there."""
        numbers = rows.tolist()
        if numbers and (min(numbers) < 0 or max(numbers) >= self.rows):
            wrong = min(numbers) if min(numbers) < 0 else max(numbers)
            raise IndexError(f"row {wrong} is not in split {self.name}, which has {self.rows} rows")
        self.touch(rows)
        shards, per_shard = self._shards, self._layout.rows_per_shard
        for row in numbers:
            yield shards[row // per_shard], row % per_shard


class Dataset:
    """A packed dataset, opened for training: sizes, seals, the tokenizer and the schedule are checked.

    schedule: name of the schedule's file in the folder; None for rows alone: it then has no step.
    beside: a thread hashes this share of the shards while rows are given out; see `settle`. Without it a shard is
    hashed before the first row of it is given out.
    Raises Unsealed or Damaged (`sharding.seal`) if any is not as it was sealed. Rows are not read here: opening takes
    milliseconds at any size.
    """

    def __init__(self, path: Path | str, schedule: str | None = SCHEDULE, *, beside: Share | None = None) -> None:
        sealed = Sealed(path, "pack")
        self.path = sealed.path
        self.digest = sealed.digest
        self.layout = DatasetLayout.of(sealed.manifest, str(self.path / "manifest.json"))
        _check_files(sealed, self.layout)
        _allow_open_files(4 * sum(split.shards for split in self.layout.splits.values()))
        self.row_tokens = self.layout.row_tokens
        self.vocab_size = self.layout.vocab_size
        self.tokenizer = self.path / TOKENIZER.rpartition("/")[0]
        self._schedule = None if schedule is None else Schedule.read(self.path / schedule, sealed.manifest)
        self.batch_rows = self._schedule.batch_rows if self._schedule else 0
        self.steps = self._schedule.steps if self._schedule else 0
        self._prover = Prover(sealed, beside)
        self.train = Split(self.path, "train", self.layout, self._prover)
        self.validation = Split(self.path, "validation", self.layout, self._prover)
        if beside is not None:  # each process validates on rows of its own, and hashes its share of all
            validation = self.layout.splits["validation"]
            self.validation.touch(np.arange(0, validation.rows, validation.rows_per_shard))
        self._blocks: dict[int, Rows] = {}
        self._advised: dict[tuple[int, int, int, int], int] = {}
        self._faults, self._warm = -1, 0

    @property
    def schedule(self) -> Schedule:
        """The schedule it was opened with. Raises ValueError if it was opened without."""
        if self._schedule is None:
            raise ValueError(f"{self.path} was opened without a schedule: it has rows, but no steps")
        return self._schedule

    def rows_of(self, step: int) -> Rows:
        """Global row numbers of a step, in global order: int64, (batch_rows,). Raises IndexError beyond the last."""
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
        """The rows of one rank in one micro-step: ids (batch_rows / (world * accumulation), row_tokens).

        Micro-steps and ranks cut the step's rows in order, micro-steps first. Raises ValueError if they
        don't divide it evenly.
        """
        if self.batch_rows % (world * accumulation) or not (0 <= rank < world and 0 <= micro < accumulation):
            raise ValueError(
                f"{self.batch_rows} rows a step don't divide over {world} ranks x {accumulation} micro-steps "
                f"(rank {rank}, micro-step {micro})"
            )
        per = self.batch_rows // (world * accumulation)
        part = slice((micro * world + rank) * per, (micro * world + rank + 1) * per)
        rows = self.rows_of(step)
        self.train.touch(rows if self._prover.share else rows[part], step)  # shared: all processes see the same shards
        if self._from_disk():
            self._read_ahead(step, part, (rank, world, micro, accumulation))
        return self.train.read(rows[part], raw=raw)

    @property
    def failure(self) -> Damaged | OSError | None:
        """What was found beside the reading and not yet raised: a damaged shard, or one that can't be read."""
        found = self._prover.failure
        if not isinstance(found, DamagedFile):
            return found
        return (self.train if found.name.startswith("shards/train-") else self.validation).named(found)

    def settle(self) -> None:
        """Wait until every row that was given out is proven. Call it before keeping what was made of them.

        Raises DamagedFile, which names the shard, the step, the rows and their documents; OSError.
        """
        self._prover.settle()
        if self.failure is not None:
            raise self.failure

    def _from_disk(self) -> bool:
        """False once many batches came from memory alone: advice costs as much as copying rows that are there.

        Told by this process's major page faults; where one happens again, rows are read ahead again.
        """
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
        self._warm = self._warm + 1 if faults == self._faults else 0
        self._faults = faults
        return self._warm < WARM

    def _read_ahead(self, step: int, part: slice, reader: tuple[int, int, int, int]) -> None:
        last = min(step + READ_AHEAD, self.steps - 1)
        advised = self._advised.get(reader, -1)
        first = advised + 1 if step <= advised <= last else step  # else the reader jumped
        for ahead in range(first, last + 1):
            rows = self.rows_of(ahead)[part]
            self.train.touch(rows, ahead)
            self.train.will_need(rows)
        self._advised[reader] = last

    def order_hash(self, previous: bytes, step: int) -> bytes:
        """h_t = sha256(h_(t-1) || sha256(bytes of the step's rows, in global order)).

        `previous`: the hash after the step before; before step 0, `bytes.fromhex(digest)`. It depends on what
        was trained on and in which order, on nothing else: not on the world size, not on accumulation.
        """
        rows = self.train.read(self.rows_of(step), raw=True).ids
        return hashlib.sha256(previous + hashlib.sha256(rows.tobytes()).digest()).digest()


def _check_files(sealed: Sealed, layout: DatasetLayout) -> None:
    """The shards that the summary speaks of are the ones that are sealed, and of the size that it implies."""
    for name, split in layout.splits.items():
        for k in range(split.shards):
            file = f"{shard_name(name, k, split.shards)}.bin"
            record = sealed.manifest.files.get(file)
            if record is None or record.bytes != len(split.rows_of(k)) * layout.row_bytes:
                raise Damaged(f"{sealed.path / file} is not the shard that the manifest's summary describes")
    record = sealed.manifest.files.get(TOKENIZER)
    if record is None or record.sha256 != layout.tokenizer:
        raise Damaged(f"{sealed.path / TOKENIZER} is not the tokenizer that the ids were made with")
    for name in sealed.names(prefix=TOKENIZER.rpartition("/")[0]):
        sealed.read(name)  # its readers open the files by their paths


def _allow_open_files(wanted: int) -> None:
    """A mapped file keeps a descriptor: raise this process's soft limit (1,024 as a rule) if it won't do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted += 256  # for everything else that the process opens
    if soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _short(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")
