"""Verifiable token shards: seals, packing, schedules, and the rows that training reads.

>>> from sharding import Dataset
>>> rows = Dataset("out/dataset")
>>> rows.batch(step=0, rank=0, world=8).ids        # int64, (batch_rows / 8, row_tokens)

Importing this package imports nothing else: `Dataset` is imported on first access. It requires numpy and the standard
library only, so that training runs on a minimal GPU image.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharding.rows import Batch, Dataset

__all__ = ["Batch", "Dataset"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from sharding import rows

        return getattr(rows, name)
    raise AttributeError(f"module 'sharding' has no attribute {name!r}")
