"""Token shards that can be proven right: seals, packing, schedule, and the rows that training reads.

>>> from sharding import Dataset
>>> rows = Dataset("out/dataset")
>>> rows.batch(step=0, rank=0, world=8).ids        # int64, (batch_rows / 8, row_tokens)

Importing this package costs nothing: `Dataset` is loaded when it is first asked for, and needs numpy and
the standard library alone, so that training runs on a bare GPU image.
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
