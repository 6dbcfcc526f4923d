"""The rows of an export in the order of writing: the input of every format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharding.rows import Batch, Dataset, Split
from sharding.scheduling import Rows

CHUNK_ROWS = 1024


@dataclass(frozen=True)
class OrderedRows:
    """The rows of a split. `scheduled`: in the order of the schedule, with repeats; otherwise each once."""

    split: Split
    dataset: Dataset
    scheduled: bool

    @property
    def name(self) -> str:
        return self.split.name

    @property
    def row_tokens(self) -> int:
        return self.dataset.row_tokens

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.dataset.layout.dtype)

    @property
    def count(self) -> int:
        """Number of rows to write."""
        return self.dataset.steps * self.dataset.batch_rows if self.scheduled else self.split.rows

    @property
    def tokens(self) -> int:
        """Number of tokens to write."""
        return self.count * self.row_tokens

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in batches of about `CHUNK_ROWS`, with the dtype on disk. Can be called repeatedly."""
        for rows in self._numbers():
            yield self.split.read(rows, raw=True)

    def _numbers(self) -> Iterator[Rows]:
        if self.scheduled:
            step = max(CHUNK_ROWS // self.dataset.batch_rows, 1)
            for first in range(0, self.dataset.steps, step):
                yield self.dataset.schedule.rows_of(first, min(first + step, self.dataset.steps)).reshape(-1)
        else:
            for first in range(0, self.split.rows, CHUNK_ROWS):
                yield np.arange(first, min(first + CHUNK_ROWS, self.split.rows))


def ordered(dataset: Dataset, unique: bool) -> list[OrderedRows]:
    """Return the training rows, scheduled or each once (`unique`), and the validation rows if there are any."""
    train = OrderedRows(dataset.train, dataset, scheduled=not unique)
    validation = OrderedRows(dataset.validation, dataset, scheduled=False)
    return [train, validation] if validation.count else [train]
