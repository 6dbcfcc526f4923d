"""Reading rows: batches of a schedule straight from the shards, the same at any world size.

>>> from sharding import Dataset
>>> data = Dataset("out/dataset")                   # sizes, seals, tokenizer and schedule are checked
>>> batch = data.batch(step=0, rank=0, world=8)     # ids int64 (batch_rows / 8, row_tokens)
>>> data.validation.read(np.arange(8)).ids

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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharding.layout import SCHEDULE, SEGMENT, TOKENIZER, Ids, Layout, SplitLayout, StratumLayout, shard_name
from sharding.scheduling.schedule import Rows, Schedule
from sharding.seal import Damaged, Sealed

READ_AHEAD = 8  # steps
WARM = 128  # batches without a page read from disk, after which reading ahead rests
BLOCK = 16  # steps whose rows are computed in one go
KEPT_BLOCKS = 2  # the current step and the step read ahead may lie in two

Mask = npt.NDArray[np.bool_]
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
    def starts(self) -> Mask:
        """True where a segment begins, (n, row_tokens): ids that are no targets."""
        return self.split.starts(self.rows)

    @cached_property
    def segments(self) -> list[Segments]:
        """The segments of each row: arrays of `layout.SEGMENT`."""
        return [self.split.segments(int(row)) for row in self.rows]


class _Shard:
    """One shard, mapped when first used."""

    def __init__(self, folder: Path, name: str, rows: int, layout: Layout) -> None:
        self._path = folder / name
        self._rows = rows
        self._layout = layout

    @cached_property
    def ids(self) -> Ids:
        return np.frombuffer(self._mapped, self._layout.dtype).reshape(self._rows, self._layout.row_tokens)

    @cached_property
    def segments(self) -> Segments:
        return np.frombuffer(_map(self._path.with_suffix(".seg")), SEGMENT)

    @cached_property
    def positions(self) -> npt.NDArray[np.uint16]:
        return self.segments["position"]

    @cached_property
    def first_segment(self) -> npt.NDArray[np.uint32]:
        """Index of the first segment of each row, and one past the last: (rows + 1,); 4 bytes a row."""
        begins = np.flatnonzero(self.positions == 0)
        if len(begins) != self._rows:
            raise Damaged(f"{self._path}.seg: {len(begins)} rows, the shard has {self._rows}; build the folder again")
        return np.append(begins, len(self.segments)).astype(np.uint32)

    def segments_of(self, row: int) -> slice:
        return slice(int(self.first_segment[row]), int(self.first_segment[row + 1]))

    def advise(self, row: int) -> None:
        """Ask the kernel to have a row in memory soon."""
        first = row * self._layout.row_bytes
        page = first - first % mmap.PAGESIZE
        self._mapped.madvise(mmap.MADV_WILLNEED, page, first + self._layout.row_bytes - page)

    @cached_property
    def _mapped(self) -> mmap.mmap:
        return _map(self._path.with_suffix(".bin"))


def _map(path: Path) -> mmap.mmap:
    """Map a file to be read here and there: without advice each row would cost 128 kB of reading."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_RANDOM)
    return mapped


class Split:
    """The rows of one split, `train` or `validation`, numbered from 0 over all its shards."""

    def __init__(self, folder: Path, name: str, layout: Layout) -> None:
        self._layout: SplitLayout = layout.splits[name]
        self._row_tokens = layout.row_tokens
        self._dtype = layout.dtype
        self.name = name
        self.rows = self._layout.rows
        self.strata: tuple[StratumLayout, ...] = self._layout.strata
        shards = self._layout.shards
        self._shards = [
            _Shard(folder, shard_name(name, k, shards), len(self._layout.rows_of(k)), layout) for k in range(shards)
        ]

    def read(self, rows: Sequence[int] | Rows, *, raw: bool = False) -> Batch:
        """Copy rows out. `raw` keeps the type on disk. Raises IndexError for a row that isn't there."""
        numbers = np.asarray(rows, np.int64)
        ids = np.empty((len(numbers), self._row_tokens), self._dtype)
        for place, (shard, row) in enumerate(self._find(numbers)):
            ids[place] = shard.ids[row]
        return Batch(ids if raw else ids.astype(np.int64), numbers, self)

    def segments(self, row: int) -> Segments:
        """The segments of a row, in order: an array of `layout.SEGMENT`."""
        ((shard, local),) = self._find(np.array([row]))
        return shard.segments[shard.segments_of(local)]

    def starts(self, rows: Rows) -> Mask:
        """True where a segment begins, (n, row_tokens)."""
        starts = np.zeros((len(rows), self._row_tokens), np.bool_)
        for place, (shard, row) in enumerate(self._find(rows)):
            starts[place, shard.positions[shard.segments_of(row)]] = True
        return starts

    def shard_of(self, row: int) -> str:
        """Path of the shard that holds a row, in the dataset folder, without a suffix."""
        return shard_name(self.name, row // self._layout.rows_per_shard, self._layout.shards)

    def will_need(self, rows: Rows) -> None:
        """Ask the kernel to read rows ahead; returns at once."""
        for shard, row in self._find(rows):
            shard.advise(row)

    def _find(self, rows: Rows) -> Iterator[tuple[_Shard, int]]:
        """The shard of each row, and its number there."""
        numbers = rows.tolist()
        if numbers and (min(numbers) < 0 or max(numbers) >= self.rows):
            wrong = min(numbers) if min(numbers) < 0 else max(numbers)
            raise IndexError(f"row {wrong} is not in split {self.name}, which has {self.rows} rows")
        shards, per_shard = self._shards, self._layout.rows_per_shard
        for row in numbers:
            yield shards[row // per_shard], row % per_shard


class Dataset:
    """A packed dataset, opened for training: sizes, seals, the tokenizer and the schedule are checked.

    schedule: name of the schedule's file in the folder; None for rows alone: it then has no step.
    Raises Unsealed or Damaged (`sharding.seal`) if any is not as it was sealed. Every byte is checked by
    `arcorp verify --level full`, not here: opening takes milliseconds at any size.
    """

    def __init__(self, path: Path | str, schedule: str | None = SCHEDULE) -> None:
        sealed = Sealed(path, "pack")
        self.path = sealed.path
        self.root = sealed.root
        self.layout = Layout.of(sealed.manifest, str(self.path / "manifest.json"))
        _check_files(sealed, self.layout)
        _allow_open_files(2 * sum(split.shards for split in self.layout.splits.values()))
        self.row_tokens = self.layout.row_tokens
        self.vocab_size = self.layout.vocab_size
        self.tokenizer = self.path / TOKENIZER.rpartition("/")[0]
        self._schedule = None if schedule is None else Schedule.read(self.path / schedule, sealed.manifest)
        self.batch_rows = self._schedule.batch_rows if self._schedule else 0
        self.steps = self._schedule.steps if self._schedule else 0
        self.train = Split(self.path, "train", self.layout)
        self.validation = Split(self.path, "validation", self.layout)
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
        if self._from_disk():
            self._read_ahead(step, part, (rank, world, micro, accumulation))
        return self.train.read(self.rows_of(step)[part], raw=raw)

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
            self.train.will_need(self.rows_of(ahead)[part])
        self._advised[reader] = last

    def order_hash(self, previous: bytes, step: int) -> bytes:
        """h_t = sha256(h_(t-1) || sha256(bytes of the step's rows, in global order)).

        `previous`: the hash after the step before; before step 0, `bytes.fromhex(root)`. It depends on what
        was trained on and in which order, on nothing else: not on the world size, not on accumulation.
        """
        rows = self.train.read(self.rows_of(step), raw=True).ids
        return hashlib.sha256(previous + hashlib.sha256(rows.tobytes()).digest()).digest()


def _check_files(sealed: Sealed, layout: Layout) -> None:
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
    sealed.read(TOKENIZER)


def _allow_open_files(wanted: int) -> None:
    """A mapped file keeps a descriptor: raise this process's soft limit (1,024 as a rule) if it won't do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted += 256  # for everything else that the process opens
    if soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
