"""Rows of a dataset as inputs and targets. The next step is read, and copied to the GPU, while the current one runs.

The model reads all L ids of a row, so that shapes stay multiples that suit the hardware. `Batch.is_target` of sharding
decides which of the L - 1 ids after the first are targets: the last token of a document predicts its end, and nothing
else of the next document. The rows of a step are a function of the dataset, its schedule and the step number.
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
    """Inputs of one forward pass, each (rows, row_tokens)."""

    ids: Tensor  # int64
    targets: Tensor  # int64
    starts: Tensor  # bool: True where a segment begins


@dataclass(frozen=True)
class Step:
    """One rank's share of one step."""

    index: int
    micros: list[Micro]  # one per accumulation, on the rank's device
    targets: int  # number of targets in `micros`
    rows: npt.NDArray[np.int64]  # of the whole step, in global order
    order_hash: bytes  # after this step; empty on ranks other than 0


def targets(batch: Batch) -> npt.NDArray[np.int64]:
    """Return the next id of each id, (n, L); IGNORE where the next id is not a target, and at the end of the row."""
    result = np.full(batch.ids.shape, IGNORE, dtype=np.int64)
    result[:, :-1] = np.where(batch.is_target[:, 1:], batch.ids[:, 1:], IGNORE)
    return result


def describe_row(dataset: Dataset, row: int) -> str:
    """Return the source and documents of a training row, and the command that shows it."""
    stratum = next(s for s in dataset.train.strata if s.first_row <= row < s.first_row + s.rows)
    documents = ", ".join(str(segment["document"]) for segment in dataset.train.segments(row))
    return (
        f"row {row}: source {stratum.source or stratum.name}, document ordinals {documents}; "
        f"see `arcorp inspect {dataset.path} --row {row}`"
    )


def trained_on(dataset: Dataset, step: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return the rows by stratum and the tokens by source of the first `step` steps."""
    rows = dataset.schedule.drawn(step)
    tokens: dict[str, int] = {}
    for stratum in dataset.train.strata:
        source = stratum.source or "(mixed)"
        tokens[source] = tokens.get(source, 0) + rows[stratum.name] * dataset.row_tokens
    return rows, tokens


def check_batch(dataset: Dataset, batch_rows: int | None, world: int, accumulation: int) -> None:
    """Raise ConfigError unless the rows of a step divide among ranks and accumulation."""
    if batch_rows is not None and batch_rows != dataset.batch_rows:
        raise ConfigError(
            f"batch_rows is {batch_rows} but the schedule has steps of {dataset.batch_rows} rows: remove it, "
            "or create another schedule with `arcorp mix`"
        )
    if dataset.batch_rows % (world * accumulation):
        raise ConfigError(
            f"steps of {dataset.batch_rows} rows don't divide among {world} ranks x {accumulation} accumulation: "
            "change either, or create another schedule with `arcorp mix`"
        )


def read_step(dataset: Dataset, index: int, ranks: Ranks, accumulation: int, previous: bytes) -> Step:
    """Read one rank's share of a step. Rank 0 extends the order hash `previous` by the rows of the whole step."""
    micros, count = [], 0
    for micro in range(accumulation):
        batch = dataset.batch(index, ranks.rank, ranks.world, micro=micro, accumulation=accumulation)
        micro_step = Micro(*(torch.from_numpy(array) for array in (batch.ids, targets(batch), batch.starts)))
        count += int((micro_step.targets != IGNORE).sum())
        micros.append(copied(micro_step, ranks.device) if ranks.device.type == "cuda" else micro_step)
    order_hash = dataset.order_hash(previous, index) if ranks.first else b""
    return Step(index, micros, count, dataset.rows_of(index), order_hash)


def copied(micro: Micro, device: torch.device) -> Micro:
    """Copy to a GPU from pinned memory, on a separate stream beside the GPU's work. Complete on return."""
    with torch.cuda.device(device):  # the default of a new thread is the first GPU
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            copy = Micro(*(tensor.pin_memory().to(device, non_blocking=True) for tensor in micro))
        stream.synchronize()
        for tensor in copy:  # its memory may be reused after the step, which runs on the main stream
            tensor.record_stream(torch.cuda.default_stream())
    return copy


def steps(
    dataset: Dataset, first: int, last: int, ranks: Ranks, accumulation: int, order_hash: bytes
) -> Iterator[Step]:
    """Yield steps `first` to `last` - 1, reading one ahead in a thread. order_hash: before step `first`."""
    if first >= last:
        return
    with ThreadPoolExecutor(1, "reader") as thread:
        upcoming = thread.submit(read_step, dataset, first, ranks, accumulation, order_hash)
        for index in range(first, last):
            step = upcoming.result()
            if index + 1 < last:
                upcoming = thread.submit(read_step, dataset, index + 1, ranks, accumulation, step.order_hash)
            yield step
