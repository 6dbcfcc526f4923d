"""Rows of a dataset as inputs and targets, the next step's made ready while this one runs.

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
from training.config import TrainError
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
    micros: list[Micro]  # one per accumulation
    rows: npt.NDArray[np.int64]  # the whole step's, in global order
    order_hash: bytes  # after this step; known on rank 0 alone


def targets(batch: Batch) -> npt.NDArray[np.int64]:
    """The id that follows each id, IGNORE where a segment or the row begins anew. (n, L) like the ids."""
    result = np.full(batch.ids.shape, IGNORE, dtype=np.int64)
    result[:, :-1] = np.where(batch.starts[:, 1:], IGNORE, batch.ids[:, 1:])
    return result


def check_batch(dataset: Dataset, batch_rows: int | None, world: int, accumulation: int) -> None:
    """Raises TrainError unless a step's rows divide among ranks and accumulation."""
    if batch_rows is not None and batch_rows != dataset.batch_rows:
        raise TrainError(
            f"batch_rows is {batch_rows} but the schedule has steps of {dataset.batch_rows} rows: leave it out, "
            "or lay another schedule with `arcorp mix`"
        )
    if dataset.batch_rows % (world * accumulation):
        raise TrainError(
            f"steps of {dataset.batch_rows} rows don't divide among {world} ranks x {accumulation} accumulation: "
            "change either, or lay another schedule with `arcorp mix`"
        )


def read_step(dataset: Dataset, index: int, ranks: Ranks, accumulation: int, previous: bytes) -> Step:
    """Read one rank's part of a step; rank 0 hashes the order of all of it on from `previous`."""
    micros = []
    for micro in range(accumulation):
        batch = dataset.batch(index, ranks.rank, ranks.world, micro=micro, accumulation=accumulation)
        micro_step = Micro(*(torch.from_numpy(one) for one in (batch.ids, targets(batch), batch.starts)))
        micros.append(Micro(*(one.pin_memory() for one in micro_step)) if ranks.device.type == "cuda" else micro_step)
    order_hash = dataset.order_hash(previous, index) if ranks.first else b""
    return Step(index, micros, dataset.rows_of(index), order_hash)


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
