"""Rows of a dataset as inputs and targets, the next step's read, and copied to the GPU, while this one runs.

A row of L ids is fed whole, so that shapes stay multiples of what the hardware likes; it has L - 1 targets, less
those that begin a segment: the first id of a document can't be told from the one before it. What a step reads
is a function of the dataset, its schedule and the step alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharding.rows import Batch, Dataset
from training.errors import ConfigError
from training.loss import IGNORE
from training.ranks import Ranks


class Micro(NamedTuple):
    """What one forward pass reads: each (rows, row_tokens)."""

    ids: Tensor  # int64
    targets: Tensor  # int64
    starts: Tensor  # bool: where a segment begins


@dataclass(frozen=True)
class Step:
    """One rank's part of one step."""

    index: int
    micros: list[Micro]  # one per accumulation, on the rank's device
    targets: int  # in all of them
    rows: npt.NDArray[np.int64]  # the whole step's, in global order
    order_hash: bytes  # after this step; known on rank 0 alone


def targets(batch: Batch) -> npt.NDArray[np.int64]:
    """The id that follows each id, IGNORE where a segment or the row begins anew. (n, L) like the ids."""
    result = np.full(batch.ids.shape, IGNORE, dtype=np.int64)
    result[:, :-1] = np.where(batch.starts[:, 1:], IGNORE, batch.ids[:, 1:])
    return result


def describe_row(dataset: Dataset, row: int) -> str:
    """Where a training row comes from, and the command that shows it."""
    stratum = next(s for s in dataset.train.strata if s.first_row <= row < s.first_row + s.rows)
    documents = ", ".join(str(segment["document"]) for segment in dataset.train.segments(row))
    return (
        f"row {row}: source {stratum.source or stratum.name}, document ordinals {documents}; "
        f"see `arcorp inspect {dataset.path} --row {row}`"
    )


def trained_on(dataset: Dataset, step: int) -> tuple[dict[str, int], dict[str, int]]:
    """What the first `step` steps draw: rows by stratum, tokens by source."""
    rows = dataset.schedule.drawn(step)
    tokens: dict[str, int] = {}
    for stratum in dataset.train.strata:
        source = stratum.source or "(mixed)"
        tokens[source] = tokens.get(source, 0) + rows[stratum.name] * dataset.row_tokens
    return rows, tokens


def check_batch(dataset: Dataset, batch_rows: int | None, world: int, accumulation: int) -> None:
    """Raises ConfigError unless a step's rows divide among ranks and accumulation."""
    if batch_rows is not None and batch_rows != dataset.batch_rows:
        raise ConfigError(
            f"batch_rows is {batch_rows} but the schedule has steps of {dataset.batch_rows} rows: leave it out, "
            "or lay another schedule with `arcorp mix`"
        )
    if dataset.batch_rows % (world * accumulation):
        raise ConfigError(
            f"steps of {dataset.batch_rows} rows don't divide among {world} ranks x {accumulation} accumulation: "
            "change either, or lay another schedule with `arcorp mix`"
        )


def read_step(dataset: Dataset, index: int, ranks: Ranks, accumulation: int, previous: bytes) -> Step:
    """Read one rank's part of a step; rank 0 hashes the order of all of it on from `previous`."""
    micros, count = [], 0
    for micro in range(accumulation):
        batch = dataset.batch(index, ranks.rank, ranks.world, micro=micro, accumulation=accumulation)
        micro_step = Micro(*(torch.from_numpy(one) for one in (batch.ids, targets(batch), batch.starts)))
        count += int((micro_step.targets != IGNORE).sum())
        micros.append(copied(micro_step, ranks.device) if ranks.device.type == "cuda" else micro_step)
    order_hash = dataset.order_hash(previous, index) if ranks.first else b""
    return Step(index, micros, count, dataset.rows_of(index), order_hash)


def copied(micro: Micro, device: torch.device) -> Micro:
    """From pinned memory to a GPU, on a stream of its own, beside what the GPU does. It is there on return."""
    with torch.cuda.device(device):  # a thread begins with the first GPU
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            there = Micro(*(one.pin_memory().to(device, non_blocking=True) for one in micro))
        stream.synchronize()
        for one in there:  # its memory may be used anew once the step, on the main stream, is through with it
            one.record_stream(torch.cuda.default_stream())
    return there


def steps(
    dataset: Dataset, first: int, last: int, ranks: Ranks, accumulation: int, order_hash: bytes
) -> Iterator[Step]:
    """Steps `first` to `last` - 1, one ahead in a thread. `order_hash`: as it was before `first`."""
    if first >= last:
        return
    with ThreadPoolExecutor(1, "reader") as thread:
        coming = thread.submit(read_step, dataset, first, ranks, accumulation, order_hash)
        for index in range(first, last):
            step = coming.result()
            if index + 1 < last:
                coming = thread.submit(read_step, dataset, index + 1, ranks, accumulation, step.order_hash)
            yield step
